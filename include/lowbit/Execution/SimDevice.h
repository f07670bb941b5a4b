//===- SimDevice.h - the simulator of a GPU as a device -------------------===//
//
// Launches run at once, on the host. Everything that the simulator finds, and be the result right, is an error of the call.
//
//===----------------------------------------------------------------------===//
#ifndef LOWBIT_EXECUTION_SIMDEVICE_H
#define LOWBIT_EXECUTION_SIMDEVICE_H

#include "lowbit/Execution/Device.h"
#include "lowbit/Execution/Sim/Machine.h"
#include <mutex>

namespace mlir::lowbit {

class SimDevice final : public Device {
public:
  ~SimDevice() override;

  void launch(const void *kernel, const LaunchShape &shape, void **parameters, unsigned count) override;
  TensorMap *encodeTensorMap(const TensorMapShape &shape) override;
  void *getConstant(DeviceConstant &constant, const void *bytes, size_t size) override;
  /// Kernels may use what was allocated here, and constants; all else is out of bounds.
  void *allocate(size_t bytes) override;
  void deallocate(void *memory) override;
  void copyToDevice(void *target, const void *source, size_t bytes) override;
  void copyToHost(void *target, const void *source, size_t bytes) override;
  void synchronize() override {}

private:
  void addMemory(const void *memory, size_t bytes);
  std::unique_ptr<sim::Machine> take(sim::MemoryRanges &ranges);
  void giveBack(std::unique_ptr<sim::Machine> machine);

  std::mutex mutex;
  std::vector<std::unique_ptr<sim::Machine>> idle; // one a call that runs; kept for their stacks
  sim::MemoryRanges memory;
};

} // namespace mlir::lowbit

#endif // LOWBIT_EXECUTION_SIMDEVICE_H
