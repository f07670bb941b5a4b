//===- XNOR.cpp - binary weights by the mean of their magnitudes ----------===//

#include "lowbit/IR/Lowbit.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"

namespace mlir::lowbit {

bool XNORParametrizationAttr::fitsFormat(NumberFormatAttrInterface format, std::string &reason) const {
  if (format.getWidth() == 1 && format.getSmallest() == -format.getLargest())
    return true;
  reason = "it expects a format of two codes, one the negative of the other, such as `binary`";
  return false;
}

SmallVector<Reduction> XNORParametrizationAttr::getStatistics() const { return {Reduction::Sum}; }

Value XNORParametrizationAttr::buildTerm(OpBuilder &builder, Location loc, unsigned, Value weight, ValueRange, Value) const {
  return math::AbsFOp::create(builder, loc, weight);
}

Value XNORParametrizationAttr::buildScale(OpBuilder &builder, Location loc, ValueRange statistics, Value blockElements) const {
  return arith::DivFOp::create(builder, loc, statistics[0], blockElements);
}

bool XNORParametrizationAttr::followsScale() const { return true; }

} // namespace mlir::lowbit
