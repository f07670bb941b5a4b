//===- GroupedLane.h - a lane of a product with weights of few bits -------===//
#ifndef LOWBIT_LIB_GPU_GROUPEDLANE_H
#define LOWBIT_LIB_GPU_GROUPEDLANE_H

#include "GroupedKernel.h"
#include "lowbit/GPU/Epilogue.h"

namespace mlir::lowbit {

/// What all parts of the kernel know: arguments, and where a lane and its block are.
struct GroupedLane {
  /// `values`: the arguments of the kernel.
  GroupedLane(KernelBuilder &b, const GroupedPlan &plan, ValueRange values);

  int64_t getRowTiles() const { return llvm::divideCeil(plan.rows, 8); }
  int64_t getGroupDepth() const { return kernel.getStepDepth() * kernel.getStepsOfGroup(); }
  int64_t getProducts() const { return plan.getPieces() * weights.getProducts(); }
  int64_t getElementBytes() const { return weights.elementWidth / 8 * kernel.types.getWords(); }
  /// Words of a row of lhs that a product takes.
  int64_t getLeftWords() const { return 2 * kernel.types.getWords(); }

  KernelBuilder &b;
  const GroupedPlan &plan;
  const GroupedKernel &kernel;
  LaneWeights weights;
  std::optional<LaneProducts> products;
  MatmulArguments arguments; ///< Sizes, operands and results.
  Value lhs, rhs, scales, zeros, depth, units, allColumns;
  Value thread, warp, place, quad, firstRow, firstColumn;
  Value ring, sharedScales, sharedDots; ///< `!llvm.ptr<3>`; of the ring this lane's place in this warp's first slot.
  SmallVector<Value> tileIndices, rhsRows, lhsRows;
};

} // namespace mlir::lowbit

#endif // LOWBIT_LIB_GPU_GROUPEDLANE_H
