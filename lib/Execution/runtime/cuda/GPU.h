//===- GPU.h - one NVIDIA GPU ----------------------------------------------===//
#ifndef LOWBIT_LIB_EXECUTION_RUNTIME_CUDA_GPU_H
#define LOWBIT_LIB_EXECUTION_RUNTIME_CUDA_GPU_H

#include "Driver.h"
#include "lowbit/Execution/CudaDevice.h"

namespace mlir::lowbit::cuda {

struct Kernel;
struct Constant;
struct Recorder;
struct Program;

/// Works in the primary context, which is the one that other libraries use.
class GPU final : public Device {
public:
  /// The GPU number `ordinal`, or null and why not.
  static GPU *get(const Driver &driver, int ordinal, std::string &error);

  void launch(const void *kernel, const LaunchShape &shape, void **parameters, unsigned count) override;
  TensorMap *encodeTensorMap(const TensorMapShape &shape) override;
  void *getConstant(DeviceConstant &constant, const void *bytes, size_t size) override;
  void *allocate(size_t bytes) override;
  void deallocate(void *memory) override;
  void copyToDevice(void *target, const void *source, size_t bytes) override;
  void copyToHost(void *target, const void *source, size_t bytes) override;
  void synchronize() override;
  CallState begin(DeviceEntry &entry, const uint64_t *words, unsigned count) override;
  void end(DeviceEntry &entry) override;
  void release(DeviceProgram &program) override;
  int getGPUNumber() const override { return ordinal; }

  const Driver &getDriver() const { return driver; }

  /// Makes the context the thread's.
  bool activate() const;
  /// Reports `what(): the driver's word` unless `status` is success.
  template <typename What> bool check(int status, What what) const {
    if (status != Success)
      reportFailure(status, what());
    return status == Success;
  }
  /// `NVIDIA H200 (sm_90)`.
  std::string getDescription() const;

private:
  void reportFailure(int status, const std::string &what) const;
  explicit GPU(const Driver &driver) : driver(driver) {}
  bool open(int ordinal, std::string &error);
  bool checkArrays(const DeviceEntry &entry, const uint64_t *words, unsigned count) const;
  Kernel *getKernel(DeviceKernel &kernel);
  Kernel *loadKernel(DeviceKernel &kernel, Program &program);
  Handle loadImage(const DeviceKernel &kernel, Program &program) const;
  std::string explainImage(int status, const DeviceKernel &kernel, const char *log) const;
  bool allowShared(Kernel &kernel, const char *name, uint32_t bytes) const;
  Recorder *getRecorder(DeviceEntry &entry);

  const Driver &driver;
  int ordinal = 0, device = 0, major = 0, minor = 0, sharedLimit = 0;
  std::string name;
  Handle context = nullptr;
};

} // namespace mlir::lowbit::cuda

#endif // LOWBIT_LIB_EXECUTION_RUNTIME_CUDA_GPU_H
