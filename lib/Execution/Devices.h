//===- Devices.h - what code of a target runs its kernels on ---------------===//
#ifndef LOWBIT_LIB_EXECUTION_DEVICES_H
#define LOWBIT_LIB_EXECUTION_DEVICES_H

#include "lowbit/Execution/Device.h"
#include "lowbit/Execution/Executable.h"
#include "lowbit/Interfaces/AttrInterfaces.h"

namespace mlir::lowbit {

/// The device of `target` in this process: null for a target without kernels, an error where there is none. A simulator is one's own.
llvm::Expected<std::shared_ptr<Device>> openDevice(QuantTargetAttrInterface target);

/// The functions that code which launches kernels calls, and those that simulated kernels call.
void addDeviceSymbols(SmallVectorImpl<RuntimeSymbol> &symbols);

} // namespace mlir::lowbit

#endif // LOWBIT_LIB_EXECUTION_DEVICES_H
