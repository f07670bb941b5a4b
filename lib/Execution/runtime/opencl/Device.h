//===- Device.h - one device with a driver for OpenCL ----------------------===//
#ifndef LOWBIT_LIB_EXECUTION_RUNTIME_OPENCL_DEVICE_H
#define LOWBIT_LIB_EXECUTION_RUNTIME_OPENCL_DEVICE_H

#include "Driver.h"
#include "lowbit/Execution/Device.h"
#include <map>
#include <mutex>

namespace mlir::lowbit::opencl {

/// What the device keeps for a compiled module.
struct Program {
  std::map<const void *, Handle> modules;
  std::map<const DeviceKernel *, Handle> kernels;
  std::map<const DeviceConstant *, void *> constants;
};

class OpenCLDevice final : public Device {
public:
  explicit OpenCLDevice(const Driver &driver) : driver(driver) {}
  /// In a context of its own, with a queue.
  bool open(Handle chosen, std::string &error);
  /// In a context of the caller's, on the queues that calls bring.
  void share(Handle chosen, Handle callers);
  /// Gives the context back.
  void close() { driver.clReleaseContext(context); }
  bool isOf(Handle otherContext, Handle otherDevice) const { return context == otherContext && device == otherDevice; }

  void launch(const void *kernel, const LaunchShape &shape, void **parameters, unsigned count) override;
  TensorMap *encodeTensorMap(const TensorMapShape &shape) override;
  void *getConstant(DeviceConstant &constant, const void *bytes, size_t size) override;
  void *allocate(size_t bytes) override;
  void deallocate(void *memory) override;
  void copyToDevice(void *target, const void *source, size_t bytes) override { copy(target, source, bytes); }
  void copyToHost(void *target, const void *source, size_t bytes) override { copy(target, source, bytes); }
  void synchronize() override { check(driver.clFinish(getQueue()), "a kernel failed while it ran, of this call or one before it"); }
  CallState begin(DeviceEntry &entry, const uint64_t *words, unsigned count) override;
  void release(DeviceProgram &program) override;

private:
  bool check(int status, const std::string &what) const {
    if (status != Success)
      failCall(what + ": " + describe(status) + " (" + name + ")");
    return status == Success;
  }
  /// That of the call, or the device's own.
  Handle getQueue() const;
  void setDevice(Handle chosen);
  bool copy(void *target, const void *source, size_t bytes);
  Handle getModule(const DeviceKernel &kernel, Program &program);
  Handle getKernel(DeviceKernel &kernel);
  std::string getBuildLog(Handle program) const;

  const Driver &driver;
  std::string name;
  Handle device = nullptr, context = nullptr, ownQueue = nullptr;
  bool roundsDivision = false;
  std::map<const DeviceProgram *, Program> programs;
  std::recursive_mutex mutex; ///< A kernel's arguments are set one after the other.
};

/// What kernels of ours need that the device lacks; empty when it has all.
std::string findLack(const Driver &driver, Handle device);

/// What the device calls itself.
std::string getName(const Driver &driver, Handle device);

} // namespace mlir::lowbit::opencl

#endif // LOWBIT_LIB_EXECUTION_RUNTIME_OPENCL_DEVICE_H
