//===- Identity.cpp - straight-through, not clipped -----------------------===//

#include "lowbit/Formats/Build.h"
#include "lowbit/IR/Lowbit.h"

namespace mlir::lowbit {

Value IdentityEstimatorAttr::buildInputGradient(OpBuilder &builder, Location loc, Value scaled, Value, Value, Value) const {
  return buildRealLike(builder, loc, 1, scaled);
}

Value IdentityEstimatorAttr::buildScaleGradient(OpBuilder &, Location, Value, Value rounded, Value, Value, Value, Value) const {
  return rounded;
}

} // namespace mlir::lowbit
