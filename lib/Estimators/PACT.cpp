//===- PACT.cpp - parameterized clipping ----------------------------------===//

#include "lowbit/Estimators/Clipped.h"
#include "lowbit/IR/Lowbit.h"

namespace mlir::lowbit {

Value PACTEstimatorAttr::buildInputGradient(OpBuilder &builder, Location loc, Value scaled, Value, Value smallest, Value largest) const {
  return buildClippedInputGradient(builder, loc, scaled, smallest, largest);
}

Value PACTEstimatorAttr::buildScaleGradient(OpBuilder &builder, Location loc, Value scaled, Value, Value smallest, Value largest, Value,
                                            Value) const {
  Value below = arith::CmpFOp::create(builder, loc, arith::CmpFPredicate::OLT, scaled, smallest);
  Value above = arith::CmpFOp::create(builder, loc, arith::CmpFPredicate::OGT, scaled, largest);
  Value gradient = arith::SelectOp::create(builder, loc, below, smallest, buildRealLike(builder, loc, 0, scaled));
  return arith::SelectOp::create(builder, loc, above, largest, gradient);
}

} // namespace mlir::lowbit
