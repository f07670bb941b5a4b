//===- ApproxSign.cpp - a sign as a parabola on either side ---------------===//

#include "lowbit/Estimators/Clipped.h"
#include "lowbit/IR/Lowbit.h"
#include "mlir/Dialect/Math/IR/Math.h"

namespace mlir::lowbit {

bool ApproxSignEstimatorAttr::fitsFormat(NumberFormatAttrInterface format, std::string &reason) const {
  if (format.getWidth() == 1 && format.getSmallest() == -format.getLargest())
    return true;
  reason = "it is the slope of a sign, and expects a format of two codes, one the negative of the other, such as `binary`";
  return false;
}

Value ApproxSignEstimatorAttr::buildInputGradient(OpBuilder &builder, Location loc, Value scaled, Value, Value, Value) const {
  Value size = math::AbsFOp::create(builder, loc, scaled), two = buildRealLike(builder, loc, 2, scaled);
  Value slope = arith::SubFOp::create(builder, loc, two, arith::MulFOp::create(builder, loc, two, size));
  Value inside = arith::CmpFOp::create(builder, loc, arith::CmpFPredicate::OLT, size, buildRealLike(builder, loc, 1, scaled));
  return arith::SelectOp::create(builder, loc, inside, slope, buildRealLike(builder, loc, 0, scaled));
}

Value ApproxSignEstimatorAttr::buildScaleGradient(OpBuilder &, Location, Value, Value rounded, Value, Value, Value, Value) const {
  return rounded;
}

} // namespace mlir::lowbit
