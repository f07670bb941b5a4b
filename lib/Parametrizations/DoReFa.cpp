//===- DoReFa.cpp - weights by their hyperbolic tangent -------------------===//

#include "lowbit/Formats/Build.h"
#include "lowbit/IR/Lowbit.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"

namespace mlir::lowbit {

/// Below any magnitude that counts: weights that are all zero stay so.
constexpr double kSmallestMagnitude = 0x1p-60;

bool DoReFaParametrizationAttr::fitsFormat(NumberFormatAttrInterface format, std::string &reason) const {
  if (format.getWidth() > 1 && format.getSmallest() < 0 && format.getLargest() > 0)
    return true;
  reason = "it expects a format of more than one bit, with codes on both sides of zero";
  return false;
}

SmallVector<Reduction> DoReFaParametrizationAttr::getStatistics() const { return {Reduction::Max}; }

Value DoReFaParametrizationAttr::buildTerm(OpBuilder &builder, Location loc, unsigned, Value weight, ValueRange, Value) const {
  return math::AbsFOp::create(builder, loc, math::TanhOp::create(builder, loc, weight));
}

Value DoReFaParametrizationAttr::buildElement(OpBuilder &builder, Location loc, Value weight) const {
  return math::TanhOp::create(builder, loc, weight);
}

Value DoReFaParametrizationAttr::buildFactor(OpBuilder &builder, Location loc, ValueRange statistics, Value, Value scale,
                                             double largest) const {
  Value bound = arith::MulFOp::create(builder, loc, scale, buildRealLike(builder, loc, largest, scale));
  Value least = buildRealLike(builder, loc, kSmallestMagnitude, scale);
  return arith::DivFOp::create(builder, loc, bound, arith::MaximumFOp::create(builder, loc, statistics[0], least));
}

} // namespace mlir::lowbit
