//===- Driver.cpp - NVIDIA's driver, found when it is first needed --------===//
// Law: a machine without a driver, or with an old one, is told so before anything is computed; nothing is looked up twice.

#include "Driver.h"
#include "../Library.h"

namespace mlir::lowbit::cuda {

/// Kernels of the first architecture with tensor maps, and the oldest driver that has them.
static constexpr int oldestVersion = 12000;
static constexpr const char *oldestRelease = "525";

std::string formatVersion(int version) { return std::to_string(version / 1000) + "." + std::to_string(version % 1000 / 10); }

std::string Driver::describe(int status) const {
  const char *name = nullptr, *text = nullptr;
  cuGetErrorName(status, &name);
  cuGetErrorString(status, &text);
  return (name ? name : "error " + std::to_string(status)) + (text ? std::string(": ") + text : "");
}

namespace {
struct Loaded {
  Driver driver = {};
  std::string error;

  Loaded();

private:
  Library library{"LOWBIT_CUDA_DRIVER", "libcuda.so.1"};

  template <typename Function> bool find(Function *&function, const char *name) {
    if (library.find(function, name))
      return true;
    if (error.empty())
      error = std::string("the NVIDIA driver has no `") + name + "`; expected one for CUDA " + formatVersion(oldestVersion) +
              " or newer (release " + oldestRelease + "): update it";
    return false;
  }
  void findAll();
  void initialize();
};
} // namespace

void Loaded::findAll() {
  Driver &d = driver;
  // Names with a version are those of one interface for ever.
  find(d.cuGetErrorName, "cuGetErrorName") && find(d.cuGetErrorString, "cuGetErrorString") && find(d.cuDeviceGet, "cuDeviceGet") &&
      find(d.cuDeviceGetCount, "cuDeviceGetCount") && find(d.cuDeviceGetAttribute, "cuDeviceGetAttribute") &&
      find(d.cuDeviceGetName, "cuDeviceGetName") && find(d.cuDevicePrimaryCtxRetain, "cuDevicePrimaryCtxRetain") &&
      find(d.cuCtxGetCurrent, "cuCtxGetCurrent") && find(d.cuCtxSetCurrent, "cuCtxSetCurrent") &&
      find(d.cuCtxGetDevice, "cuCtxGetDevice") && find(d.cuModuleLoadDataEx, "cuModuleLoadDataEx") &&
      find(d.cuModuleUnload, "cuModuleUnload") && find(d.cuModuleGetFunction, "cuModuleGetFunction") &&
      find(d.cuFuncSetAttribute, "cuFuncSetAttribute") && find(d.cuLaunchKernel, "cuLaunchKernel") &&
      find(d.cuLaunchKernelEx, "cuLaunchKernelEx") && find(d.cuMemAlloc, "cuMemAlloc_v2") && find(d.cuMemFree, "cuMemFree_v2") &&
      find(d.cuMemGetInfo, "cuMemGetInfo_v2") && find(d.cuMemcpyHtoDAsync, "cuMemcpyHtoDAsync_v2") &&
      find(d.cuMemcpyDtoHAsync, "cuMemcpyDtoHAsync_v2") && find(d.cuPointerGetAttribute, "cuPointerGetAttribute") &&
      find(d.cuStreamCreate, "cuStreamCreate") && find(d.cuStreamDestroy, "cuStreamDestroy_v2") &&
      find(d.cuStreamSynchronize, "cuStreamSynchronize") && find(d.cuStreamIsCapturing, "cuStreamIsCapturing") &&
      find(d.cuStreamBeginCapture, "cuStreamBeginCapture_v2") && find(d.cuStreamEndCapture, "cuStreamEndCapture") &&
      find(d.cuGraphInstantiateWithFlags, "cuGraphInstantiateWithFlags") && find(d.cuGraphLaunch, "cuGraphLaunch") &&
      find(d.cuGraphDestroy, "cuGraphDestroy") && find(d.cuGraphExecDestroy, "cuGraphExecDestroy") &&
      find(d.cuEventCreate, "cuEventCreate") && find(d.cuEventDestroy, "cuEventDestroy_v2") && find(d.cuEventRecord, "cuEventRecord") &&
      find(d.cuEventSynchronize, "cuEventSynchronize") && find(d.cuEventElapsedTime, "cuEventElapsedTime") &&
      find(d.cuTensorMapEncodeTiled, "cuTensorMapEncodeTiled");
}

void Loaded::initialize() {
  if (!find(driver.cuInit, "cuInit") || !find(driver.cuDriverGetVersion, "cuDriverGetVersion"))
    return;
  int status = driver.cuDriverGetVersion(&driver.version);
  if (status == Success && driver.version < oldestVersion) {
    error = "the NVIDIA driver is for CUDA " + formatVersion(driver.version) + "; expected " + formatVersion(oldestVersion) +
            " or newer (release " + oldestRelease + "): update it";
    return;
  }
  findAll();
  if (!error.empty())
    return;
  if (status == Success)
    status = driver.cuInit(0);
  if (status == NoDevice)
    error = "the NVIDIA driver finds no GPU (" + driver.describe(status) + "); check `nvidia-smi` and CUDA_VISIBLE_DEVICES";
  else if (status != Success)
    error = "the NVIDIA driver cannot be used: " + driver.describe(status) + "; check `nvidia-smi`";
}

Loaded::Loaded() {
  if (library) {
    initialize();
    return;
  }
  error = "no NVIDIA driver: " + library.getReason() + "; install release " + oldestRelease +
          " or newer, or choose another target such as `host` or `gpu-sim`";
}

const Driver *Driver::get(std::string &error) {
  static const Loaded loaded;
  error = loaded.error;
  return error.empty() ? &loaded.driver : nullptr;
}

} // namespace mlir::lowbit::cuda
