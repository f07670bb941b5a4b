//===- EntryPoints.h - functions of a C program in an object --------------===//
#ifndef LOWBIT_LIB_EXECUTION_ENTRYPOINTS_H
#define LOWBIT_LIB_EXECUTION_ENTRYPOINTS_H

#include "CHeader.h"

namespace mlir::lowbit {

/// Gives `module`, in the LLVM dialect, the functions that a header declares, with plain pointers for arrays; everything else becomes
/// internal.
LogicalResult buildEntryPoints(ModuleOp module, ArrayRef<CFunction> functions);

/// The same for functions whose arrays are in a device's memory: they take a stream, return whether the work could be put there, and come
/// with a function that says why not and one that gives memory back. `stem` is the library's.
LogicalResult buildDeviceEntryPoints(ModuleOp module, ArrayRef<CFunction> functions, StringRef stem);

} // namespace mlir::lowbit

#endif // LOWBIT_LIB_EXECUTION_ENTRYPOINTS_H
