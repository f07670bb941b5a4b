//===- Programs.cpp - compiled functions and arrays for Python ------------===//
// Law: arrays are used where they lie; the caller keeps them alive for the time of a call.

#include "Native.h"
#include "lowbit/Arrays/Npy.h"
#include <nanobind/stl/pair.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

using namespace mlir::lowbit;

namespace lowbit_python {

using InputArray = nb::ndarray<nb::ro>;
using OutputArray = nb::ndarray<>;

/// Whether an array is in a GPU's memory; refuses other places than that and the host's.
static bool isOnDevice(int device) {
  if (device == nb::device::cpu::value || device == nb::device::cuda_host::value)
    return false;
  if (device != nb::device::cuda::value && device != nb::device::cuda_managed::value)
    check(llvm::createStringError("an array is on a device of type " + std::to_string(device) +
                                  " (DLPack's number); expected the host's memory or an NVIDIA GPU's"));
  return true;
}

/// The arrays of a call. They go before an error reaches Python, since what producers do to take theirs back may be Python, too.
template <typename ArrayType> static std::vector<ArrayType> takeArrays(const nb::list &list) {
  return nb::cast<std::vector<ArrayType>>(list);
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
    if (!isDense(array))
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
  return nb::cast(nb::ndarray<nb::numpy>(owned->getData(), shape.size(), shape.data(), owner, nullptr, getDLPackType(owned->getType())));
}

static void bindPorts(nb::module_ &module) {
  nb::class_<PortInfo>(module, "Port", "An input or output of a function.")
      .def_ro("name", &PortInfo::name)
      .def_ro("shape", &PortInfo::shape)
      .def_ro("type", &PortInfo::type)
      .def_ro("is_updated", &PortInfo::isUpdated)
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
  nb::class_<Program> programs(module, "Program", "A compiled function.");
  programs.def_prop_ro("entry", &Program::getEntry)
      .def(
          "other", [](const Program &program, const std::string &name) { return take(program.getOther(name)); }, nb::arg("name"),
          "Another public function of the module, compiled with this one.")
      .def(
          "run",
          [](const Program &program, const nb::list &inputs, const nb::list &outputs) {
            auto inArrays = takeArrays<InputArray>(inputs);
            auto outArrays = takeArrays<OutputArray>(outputs);
            auto in = getBuffers(inArrays), out = getBuffers(outArrays);
            check(withoutLock([&] { return program.run(in, out); }));
          },
          nb::arg("inputs"), nb::arg("outputs"))
      .def(
          "bind",
          [](const Program &program, const nb::list &inputs, const nb::list &outputs) {
            auto inArrays = takeArrays<InputArray>(inputs);
            auto outArrays = takeArrays<OutputArray>(outputs);
            return take(program.bind(getBuffers(inArrays), getBuffers(outArrays)));
          },
          nb::arg("inputs"), nb::arg("outputs"))
      .def(
          "benchmark",
          [](const Program &program, const nb::list &inputs, const nb::list &outputs, unsigned repeat) {
            auto inArrays = takeArrays<InputArray>(inputs);
            auto outArrays = takeArrays<OutputArray>(outputs);
            auto in = getBuffers(inArrays), out = getBuffers(outArrays);
            return take(withoutLock([&] { return program.benchmark(in, out, repeat); }));
          },
          nb::arg("inputs"), nb::arg("outputs"), nb::arg("repeat"));
  bindDeviceArrays(module, programs);
  nb::class_<Calibration>(module, "Calibration", "A run of calibration in progress.")
      .def_prop_ro("entry", &Calibration::getEntry)
      .def(
          "run",
          [](Calibration &calibration, const nb::list &inputs) {
            auto arrays = takeArrays<InputArray>(inputs);
            auto in = getBuffers(arrays);
            check(withoutLock([&] { return calibration.run(in); }));
          },
          nb::arg("inputs"))
      .def("fork", &Calibration::fork, "A run apart, of the same compiled model.")
      .def("finish", [](Calibration &calibration) { return take(calibration.finish()); });
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
