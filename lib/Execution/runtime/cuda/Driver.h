//===- Driver.h - NVIDIA's driver, found when it is first needed ----------===//
//
// Only the driver is used, through the names of its binary interface, so that nothing of CUDA is needed to build or to link.
//
//===----------------------------------------------------------------------===//
#ifndef LOWBIT_LIB_EXECUTION_RUNTIME_CUDA_DRIVER_H
#define LOWBIT_LIB_EXECUTION_RUNTIME_CUDA_DRIVER_H

#include <cstddef>
#include <cstdint>
#include <string>

namespace mlir::lowbit::cuda {

using Address = unsigned long long;
using Handle = void *; ///< Of a context, module, function, stream or graph.

/// CUresult, where a message of ours knows more than the driver's.
enum Status : int {
  Success = 0,
  OutOfMemory = 2,
  NoDevice = 100,
  InvalidImage = 200,
  NoBinaryForDevice = 209,
  InvalidPtx = 218,
  UnsupportedPtxVersion = 222,
  NotFound = 500,
  LaunchOutOfResources = 701,
};

/// CUlaunchAttribute and CUlaunchConfig, as the driver lays them out.
struct LaunchAttribute {
  int id;
  alignas(8) int value;
  char padding[60];
};
struct LaunchConfig {
  unsigned grid[3], block[3], sharedBytes;
  Handle stream;
  LaunchAttribute *attributes;
  unsigned count;
};

/// The functions of the driver that are used.
struct Driver {
  int (*cuInit)(unsigned flags);
  int (*cuDriverGetVersion)(int *version);
  int (*cuGetErrorName)(int status, const char **text);
  int (*cuGetErrorString)(int status, const char **text);
  int (*cuDeviceGetCount)(int *count);
  int (*cuDeviceGet)(int *device, int ordinal);
  int (*cuDeviceGetAttribute)(int *value, int attribute, int device);
  int (*cuDeviceGetName)(char *name, int length, int device);
  int (*cuDevicePrimaryCtxRetain)(Handle *context, int device);
  int (*cuCtxGetCurrent)(Handle *context);
  int (*cuCtxSetCurrent)(Handle context);
  int (*cuCtxGetDevice)(int *device);
  int (*cuModuleLoadDataEx)(Handle *module, const void *image, unsigned count, int *options, void **values);
  int (*cuModuleUnload)(Handle module);
  int (*cuModuleGetFunction)(Handle *function, Handle module, const char *name);
  int (*cuFuncSetAttribute)(Handle function, int attribute, int value);
  int (*cuLaunchKernel)(Handle function, unsigned gridX, unsigned gridY, unsigned gridZ, unsigned blockX, unsigned blockY, unsigned blockZ,
                        unsigned sharedBytes, Handle stream, void **parameters, void **extra);
  int (*cuLaunchKernelEx)(const LaunchConfig *config, Handle function, void **parameters, void **extra);
  int (*cuMemAlloc)(Address *address, size_t bytes);
  int (*cuMemFree)(Address address);
  int (*cuMemGetInfo)(size_t *free, size_t *total);
  int (*cuMemcpyHtoDAsync)(Address target, const void *source, size_t bytes, Handle stream);
  int (*cuMemcpyDtoHAsync)(void *target, Address source, size_t bytes, Handle stream);
  int (*cuPointerGetAttribute)(void *value, int attribute, Address address);
  int (*cuStreamCreate)(Handle *stream, unsigned flags);
  int (*cuStreamDestroy)(Handle stream);
  int (*cuStreamSynchronize)(Handle stream);
  int (*cuStreamIsCapturing)(Handle stream, int *status);
  int (*cuStreamBeginCapture)(Handle stream, int mode);
  int (*cuStreamEndCapture)(Handle stream, Handle *graph);
  int (*cuGraphInstantiateWithFlags)(Handle *executable, Handle graph, unsigned long long flags);
  int (*cuGraphLaunch)(Handle executable, Handle stream);
  int (*cuGraphDestroy)(Handle graph);
  int (*cuGraphExecDestroy)(Handle executable);
  int (*cuEventCreate)(Handle *event, unsigned flags);
  int (*cuEventDestroy)(Handle event);
  int (*cuEventRecord)(Handle event, Handle stream);
  int (*cuEventSynchronize)(Handle event);
  int (*cuEventElapsedTime)(float *milliseconds, Handle start, Handle stop);
  int (*cuTensorMapEncodeTiled)(void *map, int type, uint32_t rank, void *address, const uint64_t *sizes, const uint64_t *strides,
                                const uint32_t *box, const uint32_t *steps, int interleave, int swizzle, int promotion, int fill);
  int version;

  /// The driver, or null and why there is none that fits. The variable LOWBIT_CUDA_DRIVER names another library.
  static const Driver *get(std::string &error);

  /// `CUDA_ERROR_…: what the driver says`.
  std::string describe(int status) const;
};

/// `12.4` for 12040.
std::string formatVersion(int version);

} // namespace mlir::lowbit::cuda

#endif // LOWBIT_LIB_EXECUTION_RUNTIME_CUDA_DRIVER_H
