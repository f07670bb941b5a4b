//===- Clipped.h - derivatives of a clipped rounding ----------------------===//
#ifndef LOWBIT_ESTIMATORS_CLIPPED_H
#define LOWBIT_ESTIMATORS_CLIPPED_H

#include "lowbit/Formats/Build.h"
#include "mlir/Dialect/Arith/IR/Arith.h"

namespace mlir::lowbit {

/// 1 where smallest <= scaled <= largest, else 0.
inline Value buildClippedInputGradient(OpBuilder &builder, Location loc, Value scaled, Value smallest, Value largest) {
  Value above = arith::CmpFOp::create(builder, loc, arith::CmpFPredicate::OGE, scaled, smallest);
  Value below = arith::CmpFOp::create(builder, loc, arith::CmpFPredicate::OLE, scaled, largest);
  Value inside = arith::AndIOp::create(builder, loc, above, below);
  return arith::SelectOp::create(builder, loc, inside, buildRealLike(builder, loc, 1, scaled), buildRealLike(builder, loc, 0, scaled));
}

/// rounded - scaled inside the range, the nearer bound outside.
inline Value buildClippedScaleGradient(OpBuilder &builder, Location loc, Value scaled, Value rounded, Value smallest, Value largest) {
  Value gradient = arith::SubFOp::create(builder, loc, rounded, scaled);
  Value below = arith::CmpFOp::create(builder, loc, arith::CmpFPredicate::OLT, scaled, smallest);
  Value above = arith::CmpFOp::create(builder, loc, arith::CmpFPredicate::OGT, scaled, largest);
  gradient = arith::SelectOp::create(builder, loc, below, smallest, gradient);
  return arith::SelectOp::create(builder, loc, above, largest, gradient);
}

} // namespace mlir::lowbit

#endif // LOWBIT_ESTIMATORS_CLIPPED_H
