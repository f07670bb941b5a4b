//===- DeviceMemory.cpp - memory of a device that outlives calls ----------===//
// Law: what was allocated is given back once, on the device that has it.

#include "lowbit/Execution/DeviceMemory.h"
#include "lowbit/Execution/CudaDevice.h"
#include "llvm/ADT/STLFunctionalExtras.h"

namespace mlir::lowbit {

/// Does `work` on `device` and `stream`, and gives its error.
static llvm::Error doOn(Device &device, void *stream, llvm::function_ref<void()> work) {
  CallScope scope(device, stream);
  work();
  return scope.hasFailed() ? llvm::createStringError(scope.takeError()) : llvm::Error::success();
}

llvm::Expected<std::shared_ptr<DeviceMemory>> DeviceMemory::create(std::shared_ptr<Device> device, size_t bytes) {
  void *address = nullptr;
  if (llvm::Error error = doOn(*device, /*stream=*/nullptr, [&] { address = device->allocate(bytes); }))
    return error;
  return std::shared_ptr<DeviceMemory>(new DeviceMemory(std::move(device), address));
}

DeviceMemory::~DeviceMemory() {
  // Nobody is there to tell: the next call has the driver's word.
  llvm::consumeError(doOn(*device, /*stream=*/nullptr, [&] { device->deallocate(address); }));
}

int DeviceMemory::getGPUNumber() const { return device->getGPUNumber(); }

static llvm::Error copy(llvm::function_ref<void(Device &)> work) {
  std::string error;
  Device *device = getCudaDevice(error);
  if (!device)
    return llvm::createStringError(error);
  return doOn(*device, /*stream=*/nullptr, [&] {
    work(*device);
    if (!CallScope::getCurrent()->hasFailed())
      device->synchronize();
  });
}

llvm::Error copyToGPU(void *target, const void *source, size_t bytes) {
  return copy([&](Device &device) { device.copyToDevice(target, source, bytes); });
}

llvm::Error copyFromGPU(void *target, const void *source, size_t bytes) {
  return copy([&](Device &device) { device.copyToHost(target, source, bytes); });
}

llvm::Error waitForStream(uintptr_t stream) {
  std::string error;
  Device *device = getCudaDevice(error);
  if (!device)
    return llvm::Error::success();
  return doOn(*device, reinterpret_cast<void *>(stream), [&] { device->synchronize(); });
}

} // namespace mlir::lowbit
