//===- ScaleArithmetic.h - how reals meet their scales --------------------===//
#ifndef LOWBIT_LIB_CONVERSION_SCALEARITHMETIC_H
#define LOWBIT_LIB_CONVERSION_SCALEARITHMETIC_H

#include "lowbit/Conversion/BlockView.h"
#include "lowbit/Formats/Build.h"
#include "lowbit/IR/Lowbit.h"
#include "mlir/Dialect/Arith/IR/Arith.h"

namespace mlir::lowbit {

inline ArrayRef<int64_t> getShape(Value tensor) { return cast<RankedTensorType>(tensor.getType()).getShape(); }

/// Appends what `buildScaled` divides (or multiplies) by and, if not null, the zero points. With `scaling = reciprocal` the
/// reciprocals are taken once a scale, not once an element.
void appendScaleInputs(OpBuilder &builder, Location loc, BlockView &view, SchemeAttr scheme, Value scales, Value zeros,
                       SmallVectorImpl<Value> &inputs, SmallVectorImpl<AffineMap> &maps);
/// `real / scale` in f32, where `scale` is an element of what `appendScaleInputs` appended.
Value buildScaled(OpBuilder &builder, Location loc, Value real, Value scale, SchemeAttr scheme);
/// `code - zero` as f32; `zero` may be null.
Value buildShifted(OpBuilder &builder, Location loc, Value code, Value zero, NumberFormatAttrInterface format);

} // namespace mlir::lowbit

#endif // LOWBIT_LIB_CONVERSION_SCALEARITHMETIC_H
