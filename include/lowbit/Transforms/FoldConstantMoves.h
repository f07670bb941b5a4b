//===- FoldConstantMoves.h - moved constants become constants -------------===//
#ifndef LOWBIT_TRANSFORMS_FOLDCONSTANTMOVES_H
#define LOWBIT_TRANSFORMS_FOLDCONSTANTMOVES_H

#include "mlir/IR/PatternMatch.h"

namespace mlir::lowbit {

/// Transposes and reshapes of constants, resources included (upstream folders leave those alone).
void populateFoldConstantMovesPatterns(RewritePatternSet &patterns);

} // namespace mlir::lowbit

#endif // LOWBIT_TRANSFORMS_FOLDCONSTANTMOVES_H
