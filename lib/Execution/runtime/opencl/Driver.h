//===- Driver.h - drivers for OpenCL, found when they are first needed -----===//
//
// Names and numbers are those of the OpenCL 3.0 specification (Khronos, cl.h), so that nothing of it is needed to build or to link.
//
//===----------------------------------------------------------------------===//
#ifndef LOWBIT_LIB_EXECUTION_RUNTIME_OPENCL_DRIVER_H
#define LOWBIT_LIB_EXECUTION_RUNTIME_OPENCL_DRIVER_H

#include <cstddef>
#include <cstdint>
#include <string>

namespace mlir::lowbit::opencl {

using Handle = void *; ///< Of a platform, device, context, queue, program or kernel.

enum Status : int { Success = 0 }; ///< Of cl_int; `describe` knows the others.

/// The functions that are used.
struct Driver {
  int (*clGetPlatformIDs)(uint32_t most, Handle *platforms, uint32_t *count);
  int (*clGetDeviceIDs)(Handle platform, uint64_t type, uint32_t most, Handle *devices, uint32_t *count);
  int (*clGetDeviceInfo)(Handle device, uint32_t what, size_t bytes, void *value, size_t *needed);
  Handle (*clCreateContext)(const intptr_t *properties, uint32_t count, const Handle *devices,
                            void (*notify)(const char *, const void *, size_t, void *), void *user, int *status);
  Handle (*clCreateCommandQueueWithProperties)(Handle context, Handle device, const uint64_t *properties, int *status);
  int (*clRetainContext)(Handle context);
  int (*clReleaseContext)(Handle context);
  int (*clGetCommandQueueInfo)(Handle queue, uint32_t what, size_t bytes, void *value, size_t *needed);
  Handle (*clCreateProgramWithIL)(Handle context, const void *code, size_t bytes, int *status);
  int (*clBuildProgram)(Handle program, uint32_t count, const Handle *devices, const char *options, void (*notify)(Handle, void *),
                        void *user);
  int (*clGetProgramBuildInfo)(Handle program, Handle device, uint32_t what, size_t bytes, void *value, size_t *needed);
  int (*clReleaseProgram)(Handle program);
  Handle (*clCreateKernel)(Handle program, const char *name, int *status);
  int (*clReleaseKernel)(Handle kernel);
  int (*clSetKernelArg)(Handle kernel, uint32_t index, size_t bytes, const void *value);
  int (*clSetKernelArgSVMPointer)(Handle kernel, uint32_t index, const void *address);
  int (*clEnqueueNDRangeKernel)(Handle queue, Handle kernel, uint32_t dimensions, const size_t *offset, const size_t *global,
                                const size_t *local, uint32_t waits, const Handle *events, Handle *event);
  int (*clFinish)(Handle queue);
  void *(*clSVMAlloc)(Handle context, uint64_t flags, size_t bytes, uint32_t alignment);
  void (*clSVMFree)(Handle context, void *memory);
  int (*clEnqueueSVMMemcpy)(Handle queue, uint32_t blocking, void *target, const void *source, size_t bytes, uint32_t waits,
                            const Handle *events, Handle *event);

  /// The loader of drivers, or null and why there is none. The variable LOWBIT_OPENCL names another library than libOpenCL.so.1.
  static const Driver *get(std::string &error);
};

/// `CL_OUT_OF_RESOURCES`, or the number of what has no name here.
std::string describe(int status);

} // namespace mlir::lowbit::opencl

#endif // LOWBIT_LIB_EXECUTION_RUNTIME_OPENCL_DRIVER_H
