//===- DeviceInterface.h - how C programs call code for a kind of device ---===//
#ifndef LOWBIT_LIB_EXECUTION_DEVICEINTERFACE_H
#define LOWBIT_LIB_EXECUTION_DEVICEINTERFACE_H

#include "lowbit/Targets/GPUArchitecture.h"

namespace mlir::lowbit {

/// What libraries for such devices call of their run time, and what their headers say.
struct DeviceInterface {
  llvm::StringLiteral enter, release;   ///< Functions of the run time.
  llvm::StringLiteral stream;           ///< The last parameter.
  llvm::StringLiteral streamType, note; ///< What it is.
  llvm::StringLiteral memory, choice;   ///< Where arrays are; which device a call is on.
};

/// Null where there is no run time for libraries.
const DeviceInterface *getDeviceInterface(KernelCode code);

} // namespace mlir::lowbit

#endif // LOWBIT_LIB_EXECUTION_DEVICEINTERFACE_H
