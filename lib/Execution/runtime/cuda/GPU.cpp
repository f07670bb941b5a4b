//===- GPU.cpp - one NVIDIA GPU: memory and streams ------------------------===//
// Law: what the driver refuses is an error of the call, with what was asked for and what to do; a call allocates nothing unless told to.

#include "GPU.h"
#include "../EntryCalls.h"
#include <cstdlib>
#include <memory>
#include <mutex>
#include <vector>

namespace mlir::lowbit::cuda {

/// Of CUdevice_attribute, CUpointer_attribute, CUmemorytype.
enum { MaxSharedBytes = 97, CapabilityMajor = 75, CapabilityMinor = 76, PointerMemoryType = 2, PointerOrdinal = 9, HostMemory = 1 };

void GPU::reportFailure(int status, const std::string &what) const {
  failCall(what + ": " + driver.describe(status) + " (" + getDescription() + ")");
}

std::string GPU::getDescription() const { return name + ", sm_" + std::to_string(major) + std::to_string(minor); }

bool GPU::open(int number, std::string &error) {
  char text[128] = "";
  ordinal = number;
  int status = driver.cuDeviceGet(&device, number);
  for (auto [attribute, value] : {std::pair(CapabilityMajor, &major), {CapabilityMinor, &minor}, {MaxSharedBytes, &sharedLimit}})
    if (status == Success)
      status = driver.cuDeviceGetAttribute(value, attribute, device);
  if (status == Success)
    status = driver.cuDeviceGetName(text, sizeof(text), device);
  if (status == Success)
    status = driver.cuDevicePrimaryCtxRetain(&context, device);
  name = text;
  if (status != Success)
    error = "GPU " + std::to_string(number) + " cannot be used: " + driver.describe(status) + "; check `nvidia-smi`";
  return status == Success;
}

GPU *GPU::get(const Driver &driver, int ordinal, std::string &error) {
  static std::mutex mutex;
  static std::vector<std::unique_ptr<GPU>> gpus;
  std::lock_guard<std::mutex> lock(mutex);
  for (auto &gpu : gpus)
    if (gpu->ordinal == ordinal)
      return gpu.get();
  std::unique_ptr<GPU> gpu(new GPU(driver));
  if (!gpu->open(ordinal, error))
    return nullptr;
  gpus.push_back(std::move(gpu));
  return gpus.back().get();
}

bool GPU::activate() const {
  Handle current = nullptr;
  int status = driver.cuCtxGetCurrent(&current);
  if (status == Success && current != context)
    status = driver.cuCtxSetCurrent(context);
  return check(status, [] { return "the GPU's context cannot be used"; });
}

static Handle getStream() {
  CallScope *scope = CallScope::getCurrent();
  return scope ? scope->getStream() : nullptr;
}

//===----------------------------------------------------------------------===//
// Memory
//===----------------------------------------------------------------------===//

void *GPU::allocate(size_t bytes) {
  Address address = 0;
  if (!activate())
    return nullptr;
  int status = driver.cuMemAlloc(&address, bytes ? bytes : 1);
  if (status == OutOfMemory) {
    size_t free = 0, total = 0;
    driver.cuMemGetInfo(&free, &total);
    failCall("out of device memory: " + std::to_string(bytes) + " bytes are asked for, and " + std::to_string(free) + " of " +
             std::to_string(total) + " are free on " + getDescription() + "; give memory back, or use a smaller batch");
    return nullptr;
  }
  return check(status, [&] { return "allocation of " + std::to_string(bytes) + " bytes"; }) ? reinterpret_cast<void *>(address) : nullptr;
}

void GPU::deallocate(void *memory) {
  if (memory && activate())
    check(driver.cuMemFree(reinterpret_cast<Address>(memory)), [] { return "giving memory back"; });
}

void GPU::copyToDevice(void *target, const void *source, size_t bytes) {
  if (bytes && activate())
    check(driver.cuMemcpyHtoDAsync(reinterpret_cast<Address>(target), source, bytes, getStream()),
          [&] { return "copy of " + std::to_string(bytes) + " bytes to the GPU"; });
}

void GPU::copyToHost(void *target, const void *source, size_t bytes) {
  if (bytes && activate())
    check(driver.cuMemcpyDtoHAsync(target, reinterpret_cast<Address>(source), bytes, getStream()),
          [&] { return "copy of " + std::to_string(bytes) + " bytes from the GPU"; });
}

void GPU::synchronize() {
  if (activate())
    check(driver.cuStreamSynchronize(getStream()), [] { return "a kernel failed while it ran, of this call or one before it"; });
}

bool GPU::checkArrays(const DeviceEntry &entry, const uint64_t *words, unsigned count) const {
  if (!checkAlignment(entry, words, count))
    return false;
  for (unsigned i = 0; i < count; ++i) {
    const char *array = entry.arguments[i];
    int type = HostMemory, where = ordinal;
    if (!array || !words[i]) // a null pointer is that of an array without elements
      continue;
    if (driver.cuPointerGetAttribute(&type, PointerMemoryType, words[i]) != Success || type == HostMemory) {
      failCall("array `" + std::string(array) + "` of `" + entry.name + "` is not in device memory; expected memory of " +
               getDescription() + ": copy it there first");
      return false;
    }
    if (driver.cuPointerGetAttribute(&where, PointerOrdinal, words[i]) == Success && where != ordinal) {
      failCall("array `" + std::string(array) + "` of `" + entry.name + "` is on GPU " + std::to_string(where) +
               ", and the call is on GPU " + std::to_string(ordinal) + " (" + getDescription() +
               "): move it there, or choose that GPU for the call");
      return false;
    }
  }
  return true;
}

//===----------------------------------------------------------------------===//
// Tensor maps
//===----------------------------------------------------------------------===//

TensorMap *GPU::encodeTensorMap(const TensorMapShape &shape) {
  CallScope *scope = CallScope::getCurrent();
  if (!scope)
    return nullptr;
  TensorMap *map = scope->allocateMap();
  auto atLeastOne = [](uint64_t size) { return size ? size : 1; };
  uint64_t sizes[] = {atLeastOne(shape.columns), atLeastOne(shape.rows), shape.batches}, strides[] = {shape.rowBytes, shape.batchBytes};
  uint32_t box[] = {shape.boxColumns, shape.boxRows, 1}, steps[] = {1, 1, 1}, rank = shape.batches ? 3 : 2;
  // Of CUtensorMapDataType, CUtensorMapSwizzle and CUtensorMapL2promotion: 256 bytes at once.
  int type = shape.elementBytes == 1 ? 0 : shape.elementBytes == 2 ? 1 : shape.elementBytes == 4 ? 2 : 4;
  int swizzle = shape.swizzleBytes == 32 ? 1 : shape.swizzleBytes == 64 ? 2 : shape.swizzleBytes == 128 ? 3 : 0;
  int status = driver.cuTensorMapEncodeTiled(map, type, rank, reinterpret_cast<void *>(shape.address), sizes, strides, box, steps,
                                             /*interleave=*/0, swizzle, /*promotion=*/3, /*fill=*/0);
  bool fits = check(status, [&] {
    return "tensor map of " + std::to_string(shape.rows) + " rows of " + std::to_string(shape.rowBytes) + " bytes in boxes of " +
           std::to_string(shape.boxRows) + " by " + std::to_string(shape.boxColumns) +
           " elements (arrays and rows must start at multiples of 16 bytes)";
  });
  return fits ? map : nullptr;
}

} // namespace mlir::lowbit::cuda

namespace mlir::lowbit {

/// The GPU of the context that the thread is in, as other libraries left it; else the first.
static int getOrdinal(const cuda::Driver &driver) {
  cuda::Handle context = nullptr;
  int ordinal = 0;
  if (driver.cuCtxGetCurrent(&context) == cuda::Success && context && driver.cuCtxGetDevice(&ordinal) == cuda::Success)
    return ordinal;
  return 0;
}

Device *getCudaDevice(std::string &error) {
  const cuda::Driver *driver = cuda::Driver::get(error);
  if (!driver)
    return nullptr;
  return cuda::GPU::get(*driver, getOrdinal(*driver), error);
}

} // namespace mlir::lowbit

int32_t lowbit_gpu_enter_cuda(mlir::lowbit::DeviceEntry *entry, const uint64_t *words, int32_t count, void *stream) {
  std::string error;
  mlir::lowbit::Device *device = mlir::lowbit::getCudaDevice(error);
  return mlir::lowbit::enterCall(device, std::move(error), *entry, words, count, stream);
}

void lowbit_gpu_release_cuda(mlir::lowbit::DeviceProgram *program) {
  std::string error;
  if (!program->cache)
    return;
  if (mlir::lowbit::Device *device = mlir::lowbit::getCudaDevice(error)) {
    mlir::lowbit::CallScope scope(*device);
    device->release(*program);
  }
}
