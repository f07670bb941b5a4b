//===- TTQ.cpp - ternary weights by a threshold, with a trained scale -----===//

#include "lowbit/IR/Lowbit.h"
#include "lowbit/Observers/Values.h"
#include "lowbit/Parametrizations/Threshold.h"
#include "mlir/Dialect/Math/IR/Math.h"

namespace mlir::lowbit {

LogicalResult TTQParametrizationAttr::verify(function_ref<InFlightDiagnostic()> emitError, APFloat threshold) {
  if (threshold.convertToDouble() > 0 && threshold.convertToDouble() < 1)
    return success();
  return emitError() << "threshold is " << threshold.convertToDouble()
                     << "; expected a share of the largest magnitude, above 0 and below 1";
}

bool TTQParametrizationAttr::fitsFormat(NumberFormatAttrInterface format, std::string &reason) const { return isTernary(format, reason); }

SmallVector<Reduction> TTQParametrizationAttr::getStatistics() const { return {Reduction::Max}; }

Value TTQParametrizationAttr::buildTerm(OpBuilder &builder, Location loc, unsigned, Value weight, ValueRange, Value) const {
  return math::AbsFOp::create(builder, loc, weight);
}

Value TTQParametrizationAttr::buildFactor(OpBuilder &builder, Location loc, ValueRange statistics, Value, Value scale, double) const {
  Value share = buildRealLike(builder, loc, getThreshold().convertToDouble(), scale);
  return buildThresholdFactor(builder, loc, arith::MulFOp::create(builder, loc, statistics[0], share), scale);
}

} // namespace mlir::lowbit
