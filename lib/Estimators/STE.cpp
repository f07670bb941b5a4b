//===- STE.cpp - straight-through, clipped --------------------------------===//

#include "lowbit/Estimators/Clipped.h"
#include "lowbit/IR/Lowbit.h"

namespace mlir::lowbit {

Value STEEstimatorAttr::buildInputGradient(OpBuilder &builder, Location loc, Value scaled, Value, Value smallest, Value largest) const {
  return buildClippedInputGradient(builder, loc, scaled, smallest, largest);
}

Value STEEstimatorAttr::buildScaleGradient(OpBuilder &builder, Location loc, Value scaled, Value rounded, Value smallest, Value largest,
                                           Value, Value) const {
  return buildClippedScaleGradient(builder, loc, scaled, rounded, smallest, largest);
}

} // namespace mlir::lowbit
