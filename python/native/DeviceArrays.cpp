//===- DeviceArrays.cpp - arrays in a GPU's memory, for Python -------------===//
// Law: what a producer lends by DLPack is given back to it once, when nothing uses it any more; what was allocated here is freed once.

#include "Native.h"
#include <nanobind/stl/string.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>

using namespace mlir::lowbit;

namespace lowbit_python {

using Code = nb::dlpack::dtype_code;

nb::dlpack::dtype getDLPackType(StorageType type) {
  Code code = type.kind == 'i'   ? Code::Int
              : type.kind == 'f' ? Code::Float
              : type.kind == 'b' ? Code::Bool
                                 : Code::UInt; // raw bytes too: numpy views them as what they are
  return {static_cast<uint8_t>(code), static_cast<uint8_t>(type.bytes * 8), 1};
}

StorageType getStorage(nb::dlpack::dtype type) {
  char kind = 'V'; // no element type takes raw bytes of an odd size, so that the check says what it found
  switch (static_cast<Code>(type.code)) {
  case Code::Int:
    kind = 'i';
    break;
  case Code::UInt:
    kind = 'u';
    break;
  case Code::Float:
    kind = 'f';
    break;
  case Code::Bool:
    kind = 'b';
    break;
  default:
    break;
  }
  if (type.lanes != 1)
    return {'V', type.bits / 8u * type.lanes};
  return {kind, type.bits / 8u};
}

/// Elements as Python names them: numpy's kind and bytes, or `bf16`.
static nb::dlpack::dtype parseType(const std::string &name) {
  if (name == "bf16")
    return {static_cast<uint8_t>(Code::Bfloat), 16, 1};
  return getDLPackType({name[0], static_cast<unsigned>(std::atoi(name.c_str() + 1))});
}

static std::string printType(nb::dlpack::dtype type) {
  if (type == parseType("bf16"))
    return "bf16";
  StorageType storage = getStorage(type);
  return storage.kind + std::to_string(storage.bytes);
}

/// An object that speaks DLPack. It keeps `owner`, or what the array came from.
static nb::object makeObject(const nb::ndarray<> &array) { return nb::cast(nb::ndarray<nb::array_api>(array), nb::rv_policy::reference); }

static nb::object makeArray(uintptr_t pointer, const std::vector<size_t> &shape, const std::string &type, nb::object owner, int gpu) {
  return makeObject(nb::ndarray<>(reinterpret_cast<void *>(pointer), shape.size(), shape.data(), owner, nullptr, parseType(type),
                                  nb::device::cuda::value, gpu));
}

/// Memory of the GPU that `program` runs on, as an array of its own: where it is, and what speaks DLPack.
static std::tuple<nb::object, uintptr_t> allocate(const Program &program, const std::vector<size_t> &shape, const std::string &type) {
  std::vector<int64_t> sizes(shape.begin(), shape.end());
  std::optional<uint64_t> count = countElements(sizes);
  if (!count)
    check(llvm::createStringError("an array of shape [" + formatShape(sizes) + "] has more elements than can be counted"));
  auto memory = take(program.allocate(*count * parseType(type).bits / 8));
  auto *owned = new std::shared_ptr<DeviceMemory>(memory);
  nb::capsule owner(owned, [](void *pointer) noexcept { delete static_cast<std::shared_ptr<DeviceMemory> *>(pointer); });
  auto address = reinterpret_cast<uintptr_t>(memory->getAddress());
  return {makeArray(address, shape, type, owner, memory->getGPUNumber()), address};
}

/// What `takeCapsule` found.
using Taken = std::tuple<nb::object, uintptr_t, std::vector<size_t>, std::string, bool, bool>;

template <typename ArrayType> static Taken describe(const ArrayType &array, bool isReadOnly, nb::object object) {
  std::vector<size_t> shape(array.ndim());
  for (size_t axis = 0; axis < shape.size(); ++axis)
    shape[axis] = array.shape(axis);
  return {std::move(object), reinterpret_cast<uintptr_t>(array.data()), shape, printType(array.dtype()), isDense(array), isReadOnly};
}

/// Takes the tensor out of a capsule of DLPack, versioned or not: an object that keeps it, its address, shape and elements, whether it is
/// dense, and whether it may only be read.
static Taken takeCapsule(nb::object capsule) {
  nb::ndarray<> writable;
  if (nb::try_cast(capsule, writable, /*convert=*/false))
    return describe(writable, /*isReadOnly=*/false, makeObject(writable));
  nb::ndarray<nb::ro> readable;
  if (!nb::try_cast(capsule, readable, /*convert=*/false))
    check(llvm::createStringError("no capsule of a tensor; expected DLPack's `dltensor` or `dltensor_versioned`, not used before"));
  return describe(readable, /*isReadOnly=*/true, nb::cast(nb::ndarray<nb::array_api, nb::ro>(readable), nb::rv_policy::reference));
}

void bindDeviceArrays(nb::module_ &module, nb::class_<Program> &programs) {
  programs.def_prop_ro("has_gpu_memory", &Program::hasGPUMemory, "Whether arrays may be in the memory of a GPU.")
      .def("allocate", &allocate, nb::arg("shape"), nb::arg("type"), "A new array in the GPU's memory, and its address.");
  module.def(
      "device_array",
      [](uintptr_t pointer, const std::vector<size_t> &shape, const std::string &type, nb::object owner) {
        return makeArray(pointer, shape, type, std::move(owner), /*gpu=*/0);
      },
      nb::arg("pointer"), nb::arg("shape"), nb::arg("type"), nb::arg("owner"), "An array of somebody else's in a GPU's memory.");
  module.def("take_capsule", &takeCapsule, nb::arg("capsule"), "What a capsule of DLPack lends.");
  module.def(
      "copy_to_gpu",
      [](uintptr_t address, const nb::ndarray<nb::ro> &source) {
        check(withoutLock([&] { return copyToGPU(reinterpret_cast<void *>(address), source.data(), source.nbytes()); }));
      },
      nb::arg("address"), nb::arg("source"));
  module.def(
      "copy_from_gpu",
      [](const nb::ndarray<> &target, uintptr_t address) {
        check(withoutLock([&] { return copyFromGPU(target.data(), reinterpret_cast<void *>(address), target.nbytes()); }));
      },
      nb::arg("target"), nb::arg("address"));
  module.def("wait_for_stream", [](uintptr_t stream) { check(withoutLock([&] { return waitForStream(stream); })); }, nb::arg("stream"));
}

} // namespace lowbit_python
