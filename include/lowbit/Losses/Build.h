//===- Build.h - what losses are made of ----------------------------------===//
#ifndef LOWBIT_LOSSES_BUILD_H
#define LOWBIT_LOSSES_BUILD_H

#include "mlir/IR/Builders.h"
#include "llvm/ADT/STLFunctionalExtras.h"

namespace mlir::lowbit {

/// On an op whose results count as constants to differentiation.
constexpr StringLiteral kDetachedAttr = "lowbit.detached";

/// Builds one number from the elements of all inputs at one place.
using ElementFn = llvm::function_ref<Value(OpBuilder &, Location, ValueRange)>;

/// f32 zeros.
Value buildZeros(OpBuilder &builder, Location loc, ArrayRef<int64_t> shape);
/// Sums `element` over the last `axes` axes of `inputs`; each has the shape of the first, or that shape without its last axis.
Value buildSumOf(OpBuilder &builder, Location loc, ValueRange inputs, unsigned axes, ElementFn element);
/// `element` of each place of `inputs`, which have one shape.
Value buildMap(OpBuilder &builder, Location loc, ValueRange inputs, ElementFn element);
/// The largest element along the last axis, which counts as a constant.
Value buildLargest(OpBuilder &builder, Location loc, Value value);
/// The mean of all elements of `value`, static shape.
Value buildMean(OpBuilder &builder, Location loc, Value value);

} // namespace mlir::lowbit

#endif // LOWBIT_LOSSES_BUILD_H
