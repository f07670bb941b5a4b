//===- ScaleArithmetic.cpp - how reals meet their scales ------------------===//

#include "ScaleArithmetic.h"

namespace mlir::lowbit {

void appendScaleInputs(OpBuilder &builder, Location loc, BlockView &view, SchemeAttr scheme, Value scales, Value zeros,
                       SmallVectorImpl<Value> &inputs, SmallVectorImpl<AffineMap> &maps) {
  scales = view.squeeze(scales);
  if (scheme.getScaling() == Scaling::Reciprocal) {
    AffineMap identity = builder.getMultiDimIdentityMap(cast<RankedTensorType>(scales.getType()).getRank());
    scales = buildGeneric(builder, loc, scales, buildEmptyLike(builder, loc, scales, builder.getF32Type()), {identity, identity},
                          [&](OpBuilder &b, Location nested, ValueRange elements) -> Value {
                            Value scale = buildAsF32(b, nested, elements[0]);
                            return arith::DivFOp::create(b, nested, buildRealLike(b, nested, 1, scale), scale);
                          });
  }
  inputs.push_back(scales);
  maps.push_back(view.getScaleMap());
  if (!zeros)
    return;
  inputs.push_back(view.squeeze(zeros));
  maps.push_back(view.getScaleMap());
}

Value buildScaled(OpBuilder &builder, Location loc, Value real, Value scale, SchemeAttr scheme) {
  real = buildAsF32(builder, loc, real);
  scale = buildAsF32(builder, loc, scale);
  if (scheme.getScaling() == Scaling::Reciprocal)
    return arith::MulFOp::create(builder, loc, real, scale);
  return arith::DivFOp::create(builder, loc, real, scale);
}

Value buildShifted(OpBuilder &builder, Location loc, Value code, Value zero, NumberFormatAttrInterface format) {
  Value real = format.buildDecode(builder, loc, code);
  if (!zero)
    return real;
  return arith::SubFOp::create(builder, loc, real, buildZeroAsF32(builder, loc, zero, format.isSigned()));
}

} // namespace mlir::lowbit
