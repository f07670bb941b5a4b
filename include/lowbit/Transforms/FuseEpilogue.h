//===- FuseEpilogue.h - elementwise ops into the epilogue of a contract ---===//
#ifndef LOWBIT_TRANSFORMS_FUSEEPILOGUE_H
#define LOWBIT_TRANSFORMS_FUSEEPILOGUE_H

#include "mlir/IR/PatternMatch.h"

namespace mlir::lowbit {

/// Elementwise ops that are the only reader of a `lowbit.contract` move into its epilogue.
void populateFuseEpiloguePatterns(RewritePatternSet &patterns);

} // namespace mlir::lowbit

#endif // LOWBIT_TRANSFORMS_FUSEEPILOGUE_H
