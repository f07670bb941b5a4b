//===- Windows.h - gradients of what is read in windows -------------------===//
#ifndef LOWBIT_LIB_TRAINING_WINDOWS_H
#define LOWBIT_LIB_TRAINING_WINDOWS_H

#include "mlir/Dialect/Linalg/IR/Linalg.h"

namespace mlir::lowbit {

/// The loops that the axes of an operand read by `map` follow, in their order: one an axis, or two where an axis is
/// `position * stride + offset * dilation`. Failure where an axis is something else, or a loop is met twice.
FailureOr<SmallVector<AffineExpr>> getUnfoldedLoops(AffineMap map);

/// Sums a gradient over those loops, of sizes `ranges`, back into the shape of `like`: windows that overlap add up.
Value foldWindows(OpBuilder &builder, Location loc, Value unfolded, Value like, AffineMap map, ArrayRef<int64_t> ranges);

} // namespace mlir::lowbit

#endif // LOWBIT_LIB_TRAINING_WINDOWS_H
