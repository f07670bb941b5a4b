//===- LSQ.cpp - learned step size ----------------------------------------===//

#include "lowbit/Estimators/Clipped.h"
#include "lowbit/Formats/Build.h"
#include "lowbit/IR/Lowbit.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"

namespace mlir::lowbit {

bool LSQEstimatorAttr::fitsFormat(NumberFormatAttrInterface format, std::string &reason) const {
  if (format.getLargest() > 0)
    return true;
  reason = "it divides by the largest code, which is not above 0";
  return false;
}

Value LSQEstimatorAttr::buildInputGradient(OpBuilder &builder, Location loc, Value scaled, Value, Value smallest, Value largest) const {
  return buildClippedInputGradient(builder, loc, scaled, smallest, largest);
}

Value LSQEstimatorAttr::buildScaleGradient(OpBuilder &builder, Location loc, Value scaled, Value rounded, Value smallest, Value largest,
                                           Value blockElements, Value bound) const {
  Value gradient = buildClippedScaleGradient(builder, loc, scaled, rounded, smallest, largest);
  Value product = arith::MulFOp::create(builder, loc, blockElements, bound);
  return arith::DivFOp::create(builder, loc, gradient, math::SqrtOp::create(builder, loc, product));
}

} // namespace mlir::lowbit
