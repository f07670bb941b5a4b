//===- TWN.cpp - ternary weights by a threshold on their magnitudes -------===//

#include "lowbit/IR/Lowbit.h"
#include "lowbit/Observers/Values.h"
#include "lowbit/Parametrizations/Threshold.h"
#include "mlir/Dialect/Math/IR/Math.h"

namespace mlir::lowbit {

LogicalResult TWNParametrizationAttr::verify(function_ref<InFlightDiagnostic()> emitError, APFloat threshold) {
  if (threshold.convertToDouble() > 0 && threshold.convertToDouble() < 1)
    return success();
  return emitError() << "threshold is " << threshold.convertToDouble() << "; expected a share of the mean magnitude, above 0 and below 1";
}

bool TWNParametrizationAttr::fitsFormat(NumberFormatAttrInterface format, std::string &reason) const { return isTernary(format, reason); }

/// The sum of magnitudes; of those above the threshold, the sum and how many there are.
SmallVector<Reduction> TWNParametrizationAttr::getStatistics() const { return {Reduction::Sum, Reduction::Sum, Reduction::Sum}; }

static Value buildThreshold(TWNParametrizationAttr attr, OpBuilder &builder, Location loc, Value sum, Value blockElements) {
  Value mean = arith::DivFOp::create(builder, loc, sum, blockElements);
  return arith::MulFOp::create(builder, loc, mean, buildRealLike(builder, loc, attr.getThreshold().convertToDouble(), mean));
}

Value TWNParametrizationAttr::buildTerm(OpBuilder &builder, Location loc, unsigned index, Value weight, ValueRange statistics,
                                        Value blockElements) const {
  Value magnitude = math::AbsFOp::create(builder, loc, weight);
  if (index == 0)
    return magnitude;
  Value threshold = buildThreshold(*this, builder, loc, statistics[0], blockElements);
  Value isKept = arith::CmpFOp::create(builder, loc, arith::CmpFPredicate::OGT, magnitude, threshold);
  Value term = index == 1 ? magnitude : buildRealLike(builder, loc, 1, weight);
  return arith::SelectOp::create(builder, loc, isKept, term, buildRealLike(builder, loc, 0, weight));
}

Value TWNParametrizationAttr::buildScale(OpBuilder &builder, Location loc, ValueRange statistics, Value) const {
  Value one = buildRealLike(builder, loc, 1, statistics[2]);
  return arith::DivFOp::create(builder, loc, statistics[1], arith::MaximumFOp::create(builder, loc, statistics[2], one));
}

Value TWNParametrizationAttr::buildFactor(OpBuilder &builder, Location loc, ValueRange statistics, Value blockElements, Value scale,
                                          double) const {
  return buildThresholdFactor(builder, loc, buildThreshold(*this, builder, loc, statistics[0], blockElements), scale);
}

} // namespace mlir::lowbit
