//===- ProductOrders.h - sums of products as their order says --------------===//
#ifndef LOWBIT_LIB_CONVERSION_PRODUCTORDERS_H
#define LOWBIT_LIB_CONVERSION_PRODUCTORDERS_H

#include "lowbit/IR/Lowbit.h"
#include "mlir/IR/PatternMatch.h"

namespace mlir::lowbit {

/// What the epilogue of a product on tensors takes, in the order of `lowbit.order` (lowbit/Transforms/SumOrder.h): sums of floats of 8
/// bits, or of groups; failure after an error where floats say none.
FailureOr<Value> buildOrderedSums(RewriterBase &rewriter, MatmulOp op);
/// The same with weights of few bits, which are constants.
FailureOr<Value> buildOrderedSums(RewriterBase &rewriter, GroupedMatmulOp op);

/// The sum that a pair of elements and what was there add up to: integers, or f32.
Value buildTerm(OpBuilder &b, Location loc, MatmulOp op, ValueRange elements);

/// Where a side is read: `[…, first, depth]`, or the last two the other way round; axes of size one are shared.
SmallVector<AffineExpr> getPlace(Value side, ArrayRef<AffineExpr> batch, AffineExpr first, AffineExpr depth, bool isTransposed);

/// `sum + left * right` of small floats, as a matrix unit adds them, `matrix` at a time, over the loops that the last map does not use.
Value buildMatrixSums(OpBuilder &b, Location loc, Value left, Value right, Value sums, ArrayRef<AffineMap> maps, int64_t matrix);
/// Sums along the last axis, one after the other.
Value buildLastSums(OpBuilder &b, Location loc, Value parts);
/// The reals of `dots`, `[M, N, groups]`, with scales `[M, groups]` and `[groups, N]`, of which one may be null.
Value buildReals(OpBuilder &b, Location loc, Value dots, Value lhsScales, Value rhsScales);

} // namespace mlir::lowbit

#endif // LOWBIT_LIB_CONVERSION_PRODUCTORDERS_H
