//===- OpenCLDevice.h - devices with a driver for OpenCL -------------------===//
#ifndef LOWBIT_EXECUTION_OPENCLDEVICE_H
#define LOWBIT_EXECUTION_OPENCLDEVICE_H

#include "lowbit/Execution/Device.h"

namespace mlir::lowbit {

/// The first device of OpenCL that takes kernels in SPIR-V, products of packed bytes in them, and shares addresses with the host (SVM);
/// GPUs come before others. Null and why, when there is none. It lives as long as the process.
Device *getOpenCLDevice(std::string &error);

} // namespace mlir::lowbit

#endif // LOWBIT_EXECUTION_OPENCLDEVICE_H
