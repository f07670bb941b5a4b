//===- Programs.cpp - compiled functions and arrays for Python ------------===//
// Law: arrays are used where they lie; the caller keeps them alive for the time of a call.

#include "Native.h"
#include "lowbit/Arrays/Npy.h"
#include <nanobind/ndarray.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

using namespace mlir::lowbit;

namespace lowbit_python {

using InputArray = nb::ndarray<nb::ro>;
using OutputArray = nb::ndarray<>;

static StorageType getStorage(nb::dlpack::dtype type) {
  char kind = 'V'; // no element type takes raw bytes of an odd size, so that the check says what it found
  switch (static_cast<nb::dlpack::dtype_code>(type.code)) {
  case nb::dlpack::dtype_code::Int:
    kind = 'i';
    break;
  case nb::dlpack::dtype_code::UInt:
    kind = 'u';
    break;
  case nb::dlpack::dtype_code::Float:
    kind = 'f';
    break;
  case nb::dlpack::dtype_code::Bool:
    kind = 'b';
    break;
  default:
    break;
  }
  return {kind, type.bits / 8u};
}

/// Whether rows lie next to one another, in order.
template <typename ArrayType> static bool isContiguous(const ArrayType &array) {
  int64_t expected = 1;
  for (size_t axis = array.ndim(); axis-- > 0;) {
    if (array.shape(axis) == 0)
      return true;
    if (array.shape(axis) != 1 && array.stride(axis) != expected)
      return false;
    expected *= static_cast<int64_t>(array.shape(axis));
  }
  return true;
}

/// Whether an array is in a GPU's memory; refuses other places than that and the host's.
static bool isOnDevice(int device) {
  if (device == nb::device::cpu::value || device == nb::device::cuda_host::value)
    return false;
  if (device != nb::device::cuda::value && device != nb::device::cuda_managed::value)
    check(llvm::createStringError("an array is on a device of type " + std::to_string(device) +
                                  " (DLPack's number); expected the host's memory or an NVIDIA GPU's"));
  return true;
}

/// An array in a GPU's memory that belongs to `owner`, by what `__cuda_array_interface__` says.
static nb::object makeDeviceArray(uintptr_t pointer, const std::vector<size_t> &shape, const std::string &kind, nb::object owner) {
  auto code = kind[0] == 'i'   ? nb::dlpack::dtype_code::Int
              : kind[0] == 'u' ? nb::dlpack::dtype_code::UInt
              : kind[0] == 'b' ? nb::dlpack::dtype_code::Bool
                               : nb::dlpack::dtype_code::Float;
  nb::dlpack::dtype dtype{static_cast<uint8_t>(code), static_cast<uint8_t>(8 * std::atoi(kind.c_str() + 1)), 1};
  return nb::cast(
      nb::ndarray<>(reinterpret_cast<void *>(pointer), shape.size(), shape.data(), owner, nullptr, dtype, nb::device::cuda::value));
}

template <typename ArrayType> static llvm::SmallVector<Buffer> getBuffers(const std::vector<ArrayType> &arrays) {
  llvm::SmallVector<Buffer> buffers;
  for (const ArrayType &array : arrays) {
    Buffer buffer;
    buffer.type = getStorage(array.dtype());
    for (size_t axis = 0; axis < array.ndim(); ++axis)
      buffer.shape.push_back(static_cast<int64_t>(array.shape(axis)));
    buffer.data = const_cast<void *>(static_cast<const void *>(array.data()));
    buffer.onDevice = isOnDevice(array.device_type());
    if (!isContiguous(array))
      check(llvm::createStringError("an array of shape [" + formatShape(buffer.shape) +
                                    "] is not contiguous; expected rows next to one another, in order: copy it (`.contiguous()`)"));
    buffers.push_back(std::move(buffer));
  }
  return buffers;
}

/// Gives the bytes of `array` to numpy.
static nb::object makeNumpyArray(Array array) {
  auto *owned = new Array(std::move(array));
  nb::capsule owner(owned, [](void *pointer) noexcept { delete static_cast<Array *>(pointer); });
  llvm::ArrayRef<int64_t> sizes = owned->getShape();
  std::vector<size_t> shape(sizes.begin(), sizes.end());
  StorageType type = owned->getType();
  auto code = type.kind == 'i'   ? nb::dlpack::dtype_code::Int
              : type.kind == 'f' ? nb::dlpack::dtype_code::Float
              : type.kind == 'b' ? nb::dlpack::dtype_code::Bool
                                 : nb::dlpack::dtype_code::UInt; // raw bytes too: numpy views them as what they are
  nb::dlpack::dtype dtype{static_cast<uint8_t>(code), static_cast<uint8_t>(type.bytes * 8), 1};
  return nb::cast(nb::ndarray<nb::numpy>(owned->getData(), shape.size(), shape.data(), owner, nullptr, dtype));
}

static void bindPorts(nb::module_ &module) {
  nb::class_<PortInfo>(module, "Port", "An input or output of a function.")
      .def_ro("name", &PortInfo::name)
      .def_ro("shape", &PortInfo::shape)
      .def_ro("type", &PortInfo::type)
      .def_prop_ro("dtype", [](const PortInfo &port) { return port.storage.getName(); });
  nb::class_<EntryInfo>(module, "Entry", "A function's inputs and outputs.")
      .def_ro("name", &EntryInfo::name)
      .def_ro("inputs", &EntryInfo::inputs)
      .def_ro("outputs", &EntryInfo::outputs);
}

static const BoundCall &getHostCall(const BoundProgram &program) {
  if (!program.getCall())
    check(llvm::createStringError("the function runs on a device; expected one of the host, whose calls are calls of C"));
  return *program.getCall();
}

static void bindBoundPrograms(nb::module_ &module) {
  nb::class_<BoundProgram>(module, "BoundProgram", "A compiled function with its buffers.")
      .def(
          "run", [](const BoundProgram &program) { check(withoutLock([&] { return program.run(); })); }, "Calls it. One thread at a time.")
      .def(
          "push", [](const BoundProgram &program) { check(withoutLock([&] { return program.push(); })); },
          "Takes arrays that calls update to the device.")
      .def(
          "pull", [](const BoundProgram &program) { check(withoutLock([&] { return program.pull(); })); },
          "Brings arrays that calls update back from the device.")
      .def_prop_ro(
          "function", [](const BoundProgram &program) { return reinterpret_cast<uintptr_t>(getHostCall(program).getFunction()); },
          "Address of a C function `void (*)(void **)`, for loops in other libraries.")
      .def_prop_ro(
          "context", [](const BoundProgram &program) { return reinterpret_cast<uintptr_t>(getHostCall(program).getContext()); },
          "Address of what that function is handed.");
}

void bindPrograms(nb::module_ &module) {
  bindPorts(module);
  bindBoundPrograms(module);
  nb::class_<Program>(module, "Program", "A compiled function.")
      .def_prop_ro("entry", &Program::getEntry)
      .def(
          "other", [](const Program &program, const std::string &name) { return take(program.getOther(name)); }, nb::arg("name"),
          "Another public function of the module, compiled with this one.")
      .def(
          "run",
          [](const Program &program, const std::vector<InputArray> &inputs, const std::vector<OutputArray> &outputs) {
            auto in = getBuffers(inputs), out = getBuffers(outputs);
            check(withoutLock([&] { return program.run(in, out); }));
          },
          nb::arg("inputs"), nb::arg("outputs"))
      .def(
          "bind",
          [](const Program &program, const std::vector<InputArray> &inputs, const std::vector<OutputArray> &outputs) {
            return take(program.bind(getBuffers(inputs), getBuffers(outputs)));
          },
          nb::arg("inputs"), nb::arg("outputs"))
      .def(
          "benchmark",
          [](const Program &program, const std::vector<InputArray> &inputs, const std::vector<OutputArray> &outputs, unsigned repeat) {
            auto in = getBuffers(inputs), out = getBuffers(outputs);
            return take(withoutLock([&] { return program.benchmark(in, out, repeat); }));
          },
          nb::arg("inputs"), nb::arg("outputs"), nb::arg("repeat"));
  nb::class_<Calibration>(module, "Calibration", "A run of calibration in progress.")
      .def_prop_ro("entry", &Calibration::getEntry)
      .def(
          "run",
          [](Calibration &calibration, const std::vector<InputArray> &inputs) {
            auto in = getBuffers(inputs);
            check(withoutLock([&] { return calibration.run(in); }));
          },
          nb::arg("inputs"))
      .def("fork", &Calibration::fork, "A run apart, of the same compiled model.")
      .def("finish", [](Calibration &calibration) { return take(calibration.finish()); });
  module.def("device_array", &makeDeviceArray, nb::arg("pointer"), nb::arg("shape"), nb::arg("kind"), nb::arg("owner"),
             "An array of somebody else's in a GPU's memory.");
  module.def(
      "read_arrays",
      [](const std::string &path) {
        auto arrays = take(withoutLock([&] { return readArrays(path); }));
        nb::list result;
        for (NamedArray &named : arrays)
          result.append(nb::make_tuple(named.name, makeNumpyArray(std::move(named.array))));
        return result;
      },
      nb::arg("path"), "The arrays of a .npz (or .npy, nameless), as pairs of name and array.");
}

} // namespace lowbit_python
