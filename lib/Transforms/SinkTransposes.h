//===- SinkTransposes.h - transpositions after what they need not precede -===//
#ifndef LOWBIT_LIB_TRANSFORMS_SINKTRANSPOSES_H
#define LOWBIT_LIB_TRANSFORMS_SINKTRANSPOSES_H

#include "mlir/IR/PatternMatch.h"

namespace mlir::lowbit {

/// `value` with its axes in `order`: axis a of the result is axis order[a].
Value permute(OpBuilder &builder, Value value, ArrayRef<int64_t> order);

/// Moves transpositions behind elementwise ops, padding, pooling and fake quantization, until they meet others and cancel.
void populateSinkTransposesPatterns(RewritePatternSet &patterns);

} // namespace mlir::lowbit

#endif // LOWBIT_LIB_TRANSFORMS_SINKTRANSPOSES_H
