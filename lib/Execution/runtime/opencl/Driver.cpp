//===- Driver.cpp - drivers for OpenCL, found when they are first needed ---===//
// Law: a machine without OpenCL, or with an old one, is told so before anything is computed.

#include "Driver.h"
#include "../Library.h"

namespace mlir::lowbit::opencl {

std::string describe(int status) {
  switch (status) {
  case -1:
    return "CL_DEVICE_NOT_FOUND";
  case -4:
    return "CL_MEM_OBJECT_ALLOCATION_FAILURE";
  case -5:
    return "CL_OUT_OF_RESOURCES";
  case -6:
    return "CL_OUT_OF_HOST_MEMORY";
  case -11:
    return "CL_BUILD_PROGRAM_FAILURE";
  case -36:
    return "CL_INVALID_COMMAND_QUEUE";
  case -42:
    return "CL_INVALID_BINARY";
  case -46:
    return "CL_INVALID_KERNEL_NAME";
  case -50:
    return "CL_INVALID_ARG_VALUE";
  case -51:
    return "CL_INVALID_ARG_SIZE";
  case -54:
    return "CL_INVALID_WORK_GROUP_SIZE";
  case -1001:
    return "CL_PLATFORM_NOT_FOUND_KHR";
  default:
    return "OpenCL's error " + std::to_string(status);
  }
}

namespace {
struct Loaded {
  Driver driver = {};
  std::string error;

  Loaded();

private:
  Library library{"LOWBIT_OPENCL", "libOpenCL.so.1"};

  template <typename Function> bool find(Function *&function, const char *name) {
    if (library.find(function, name))
      return true;
    error = std::string("the OpenCL library has no `") + name + "`; expected one of OpenCL 2.1 or newer";
    return false;
  }
};
} // namespace

Loaded::Loaded() {
  if (!library) {
    error = "no OpenCL: " + library.getReason() +
            "; install a loader (`ocl-icd-libopencl1`) and the driver of the device, or choose another target such as `host`";
    return;
  }
  Driver &d = driver;
  find(d.clGetPlatformIDs, "clGetPlatformIDs") && find(d.clGetDeviceIDs, "clGetDeviceIDs") && find(d.clGetDeviceInfo, "clGetDeviceInfo") &&
      find(d.clCreateContext, "clCreateContext") && find(d.clCreateCommandQueueWithProperties, "clCreateCommandQueueWithProperties") &&
      find(d.clRetainContext, "clRetainContext") && find(d.clReleaseContext, "clReleaseContext") &&
      find(d.clGetCommandQueueInfo, "clGetCommandQueueInfo") && find(d.clCreateProgramWithIL, "clCreateProgramWithIL") &&
      find(d.clBuildProgram, "clBuildProgram") && find(d.clGetProgramBuildInfo, "clGetProgramBuildInfo") &&
      find(d.clReleaseProgram, "clReleaseProgram") && find(d.clCreateKernel, "clCreateKernel") &&
      find(d.clReleaseKernel, "clReleaseKernel") && find(d.clSetKernelArg, "clSetKernelArg") &&
      find(d.clSetKernelArgSVMPointer, "clSetKernelArgSVMPointer") && find(d.clEnqueueNDRangeKernel, "clEnqueueNDRangeKernel") &&
      find(d.clFinish, "clFinish") && find(d.clSVMAlloc, "clSVMAlloc") && find(d.clSVMFree, "clSVMFree") &&
      find(d.clEnqueueSVMMemcpy, "clEnqueueSVMMemcpy");
}

const Driver *Driver::get(std::string &error) {
  static const Loaded loaded;
  error = loaded.error;
  return error.empty() ? &loaded.driver : nullptr;
}

} // namespace mlir::lowbit::opencl
