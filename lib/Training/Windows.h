//===- Windows.h - gradients of what is read in windows -------------------===//
#ifndef LOWBIT_LIB_TRAINING_WINDOWS_H
#define LOWBIT_LIB_TRAINING_WINDOWS_H

#include "mlir/Dialect/Linalg/IR/Linalg.h"

namespace mlir::lowbit {

/// The loops, of sizes `ranges`, that the axes of an operand of `type` read by `map` follow: one an axis, or two where an axis is
/// `position * stride + offset * dilation`. In the order of the loops, or of the axes where windows lie side by side or positions do not
/// follow one another. Failure where an axis is something else, or a loop is met twice.
FailureOr<SmallVector<AffineExpr>> getUnfoldedLoops(AffineMap map, RankedTensorType type, ArrayRef<int64_t> ranges);

/// Sums a gradient over those `loops` back into the shape of `like`: windows that overlap add up.
Value foldWindows(OpBuilder &builder, Location loc, Value unfolded, ArrayRef<AffineExpr> loops, Value like, AffineMap map,
                  ArrayRef<int64_t> ranges);

} // namespace mlir::lowbit

#endif // LOWBIT_LIB_TRAINING_WINDOWS_H
