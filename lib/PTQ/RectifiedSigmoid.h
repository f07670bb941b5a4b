//===- RectifiedSigmoid.h - choices that a gradient can make --------------===//
//
// The inner loop of AdaRound: for a tile of weights, variables `v` whose rectified sigmoid says how far up each weight is rounded, learned
// by Adam. One pass over the tile a step, strip by strip, in loops that the compiler turns to vectors.
//
//===----------------------------------------------------------------------===//
#ifndef LOWBIT_LIB_PTQ_RECTIFIEDSIGMOID_H
#define LOWBIT_LIB_PTQ_RECTIFIEDSIGMOID_H

#include "llvm/ADT/ArrayRef.h"
#include <cstdint>
#include <vector>

namespace mlir::lowbit {

class RoundingChoice {
public:
  /// `metric` `[rows, rows]` weighs errors of rows by columns.
  RoundingChoice(llvm::ArrayRef<float> metric, int64_t rows, int64_t columns, double strength);

  /// `real` may become `below` or `above`; where it lies outside, the nearer of them.
  void setNeighbours(int64_t row, int64_t column, float real, float below, float above);
  void learn(int64_t iterations, double rate);
  bool isUp(int64_t row, int64_t column) const { return up[row * columns + column] >= 0.5f; }

private:
  void openGates();

  llvm::ArrayRef<float> metric;
  int64_t rows, columns;
  float strength;
  std::vector<float> rest, step;            ///< What lies above `below`, and how far up `above` is; a step of zero is no choice.
  std::vector<float> variable, up, slope;   ///< `v`, `h(v)` and its derivative.
  std::vector<float> error, gradient, unit; ///< By `h`, in units of the curvature of each weight.
  std::vector<float> momentum, power;       ///< Adam's.
};

} // namespace mlir::lowbit

#endif // LOWBIT_LIB_PTQ_RECTIFIEDSIGMOID_H
