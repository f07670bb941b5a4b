//===- EntryPoints.h - functions of a C program in an object --------------===//
#ifndef LOWBIT_LIB_EXECUTION_ENTRYPOINTS_H
#define LOWBIT_LIB_EXECUTION_ENTRYPOINTS_H

#include "CHeader.h"

namespace mlir::lowbit {

/// Gives `module`, in the LLVM dialect, the functions that a header declares, with plain pointers for arrays; everything else becomes
/// internal.
LogicalResult buildEntryPoints(ModuleOp module, ArrayRef<CFunction> functions);

} // namespace mlir::lowbit

#endif // LOWBIT_LIB_EXECUTION_ENTRYPOINTS_H
