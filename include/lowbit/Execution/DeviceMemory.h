//===- DeviceMemory.h - memory of a device that outlives calls ------------===//
#ifndef LOWBIT_EXECUTION_DEVICEMEMORY_H
#define LOWBIT_EXECUTION_DEVICEMEMORY_H

#include "llvm/Support/Error.h"
#include <memory>

namespace mlir::lowbit {

class Device;

/// A piece of a device's memory, given back with this.
class DeviceMemory {
public:
  static llvm::Expected<std::shared_ptr<DeviceMemory>> create(std::shared_ptr<Device> device, size_t bytes);
  ~DeviceMemory();
  DeviceMemory(const DeviceMemory &) = delete;
  DeviceMemory &operator=(const DeviceMemory &) = delete;

  void *getAddress() const { return address; }
  int getGPUNumber() const;

private:
  DeviceMemory(std::shared_ptr<Device> device, void *address) : device(std::move(device)), address(address) {}

  std::shared_ptr<Device> device;
  void *address;
};

/// Copies between the memory of NVIDIA's GPUs and the host's, done when they return.
llvm::Error copyToGPU(void *target, const void *source, size_t bytes);
llvm::Error copyFromGPU(void *target, const void *source, size_t bytes);

/// Until all work on `stream` (a CUstream, or one of CUDA's numbers for default ones) is done. Nothing where there is no NVIDIA GPU: then
/// no function can run that would read what that work writes.
llvm::Error waitForStream(uintptr_t stream);

} // namespace mlir::lowbit

#endif // LOWBIT_EXECUTION_DEVICEMEMORY_H
