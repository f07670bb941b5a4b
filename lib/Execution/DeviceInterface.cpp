//===- DeviceInterface.cpp - how C programs call code for a kind of device -===//

#include "DeviceInterface.h"

namespace mlir::lowbit {

static constexpr DeviceInterface cuda = {"lowbit_gpu_enter_cuda",
                                         "lowbit_gpu_release_cuda",
                                         "stream",
                                         "CUstream",
                                         "NULL for the default one",
                                         "in the memory of one GPU",
                                         "The GPU is that of the thread's CUDA context, else the first."};

static constexpr DeviceInterface openCL = {"lowbit_gpu_enter_opencl",
                                           "lowbit_gpu_release_opencl",
                                           "queue",
                                           "cl_command_queue",
                                           "in order",
                                           "made by clSVMAlloc in the queue's context",
                                           "The device is the queue's."};

const DeviceInterface *getDeviceInterface(KernelCode code) {
  switch (code) {
  case KernelCode::PTX:
    return &cuda;
  case KernelCode::SPIRV:
    return &openCL;
  case KernelCode::AMDGCN:
    return nullptr;
  }
  llvm_unreachable("all cases are above");
}

} // namespace mlir::lowbit
