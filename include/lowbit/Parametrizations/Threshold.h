//===- Threshold.h - ternary codes by a threshold on magnitudes -----------===//
#ifndef LOWBIT_PARAMETRIZATIONS_THRESHOLD_H
#define LOWBIT_PARAMETRIZATIONS_THRESHOLD_H

#include "lowbit/Formats/Build.h"
#include "mlir/Dialect/Arith/IR/Arith.h"

namespace mlir::lowbit {

/// Whether `format` has the codes that a threshold chooses from: -x, 0 and x.
inline bool isTernary(NumberFormatAttrInterface format, std::string &reason) {
  double largest = format.getLargest();
  bool fits = largest > 0 && format.getSmallest() == -largest;
  // Not by its codes, of which some may never be met: by what reals become.
  for (int share = -8; fits && share <= 8; ++share)
    fits = llvm::is_contained({-largest, 0.0, largest}, format.decode(format.encode(largest * share / 8, 0)));
  if (fits && format.decode(format.encode(0, 0)) == 0)
    return true;
  reason = "it expects a format of three codes, -1, 0 and 1, such as `ternary`";
  return false;
}

/// Below any threshold that counts; weights that are all zero have none.
constexpr double kSmallestThreshold = 0x1p-60;

/// `scale / (2 threshold)`: times it, a magnitude above the threshold is above half the scale, and rounds to it.
inline Value buildThresholdFactor(OpBuilder &builder, Location loc, Value threshold, Value scale) {
  Value least = buildRealLike(builder, loc, kSmallestThreshold, threshold), two = buildRealLike(builder, loc, 2, threshold);
  Value doubled = arith::MulFOp::create(builder, loc, arith::MaximumFOp::create(builder, loc, threshold, least), two);
  return arith::DivFOp::create(builder, loc, scale, doubled);
}

} // namespace mlir::lowbit

#endif // LOWBIT_PARAMETRIZATIONS_THRESHOLD_H
