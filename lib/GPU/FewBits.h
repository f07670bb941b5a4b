//===- FewBits.h - a contraction with weights of few bits -----------------===//
#ifndef LOWBIT_LIB_GPU_FEWBITS_H
#define LOWBIT_LIB_GPU_FEWBITS_H

#include "ContractAxes.h"
#include "lowbit/IR/LaneWeights.h"

namespace mlir::lowbit {

/// What a kernel of `lowbit.grouped_matmul` would multiply.
struct FewBits {
  FewBits(ContractOp op, const ContractAxes &axes);

  /// Why there is no such kernel; empty where there is.
  std::string getObstacle();
  LaneWeights getWeights() const;

  ContractOp op;
  const ContractAxes &axes;
  unsigned depthAxis;         ///< Of the right side: the reduction.
  int64_t group = 0;          ///< Weights that share a scale; 0: scales do not change along the reduction.
  int64_t width = 0;          ///< Bits of a weight, of those that kernels know; 0: more.
  bool isUnsigned = false;    ///< Of numbers.
  SmallVector<float> levels;  ///< What the 16 codes of four bits stand for, where they are no integers.
  Type element;               ///< Of the left side as it is multiplied.
  bool becomesHalves = false; ///< Whether left codes are to be numbers of f16 first, less their zero points.

private:
  std::string getLeftObstacle();
  std::string getHalvesObstacle();
  std::string getWeightObstacle();
  std::string getGroupObstacle();
  std::string getWholeObstacle();
};

} // namespace mlir::lowbit

#endif // LOWBIT_LIB_GPU_FEWBITS_H
