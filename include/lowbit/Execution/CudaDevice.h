//===- CudaDevice.h - NVIDIA GPUs ------------------------------------------===//
#ifndef LOWBIT_EXECUTION_CUDADEVICE_H
#define LOWBIT_EXECUTION_CUDADEVICE_H

#include "lowbit/Execution/Device.h"

namespace mlir::lowbit {

/// The GPU that this thread has chosen through another library of CUDA, else the first one that the driver shows. Null and why, when there
/// is none or no driver that fits. GPUs live as long as the process.
Device *getCudaDevice(std::string &error);

} // namespace mlir::lowbit

#endif // LOWBIT_EXECUTION_CUDADEVICE_H
