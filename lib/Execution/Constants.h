//===- Constants.h - weights beside the code, not in it -------------------===//
#ifndef LOWBIT_LIB_EXECUTION_CONSTANTS_H
#define LOWBIT_LIB_EXECUTION_CONSTANTS_H

#include "lowbit/Arrays/Array.h"
#include "lowbit/Execution/Executable.h"
#include "mlir/IR/BuiltinOps.h"

namespace mlir::lowbit {

/// Takes the bytes of large constant globals out of `module`, in the LLVM dialect: each becomes a declaration and a symbol whose bytes
/// `storage` owns. A code generator that writes weights into an object spends minutes and several times their memory on them.
LogicalResult externalizeConstants(ModuleOp module, std::vector<Array> &storage, SmallVectorImpl<RuntimeSymbol> &symbols,
                                   Array::Place place = Array::Place::Heap);

} // namespace mlir::lowbit

#endif // LOWBIT_LIB_EXECUTION_CONSTANTS_H
