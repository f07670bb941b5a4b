//===- FuseEpilogue.h - elementwise ops into the epilogue of a contract ---===//
#ifndef LOWBIT_TRANSFORMS_FUSEEPILOGUE_H
#define LOWBIT_TRANSFORMS_FUSEEPILOGUE_H

#include "mlir/IR/Operation.h"

namespace mlir::lowbit {

/// Moves elementwise ops below `root` that are the only reader of a `lowbit.contract` into its epilogue; failure after an error.
LogicalResult fuseEpilogues(Operation *root);

} // namespace mlir::lowbit

#endif // LOWBIT_TRANSFORMS_FUSEEPILOGUE_H
