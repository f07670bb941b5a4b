//===- DeviceArchive.h - the run time of GPUs, to link into libraries ------===//
#ifndef LOWBIT_LIB_EXECUTION_DEVICEARCHIVE_H
#define LOWBIT_LIB_EXECUTION_DEVICEARCHIVE_H

#include "llvm/ADT/StringRef.h"

namespace mlir::lowbit {

/// The bytes of `libLowbitDevice.a`, for the machine that this compiler runs on.
llvm::StringRef getDeviceArchive();

} // namespace mlir::lowbit

#endif // LOWBIT_LIB_EXECUTION_DEVICEARCHIVE_H
