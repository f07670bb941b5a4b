//===- GroupedKernel.h - products with weights of few bits, as kernels ----===//
#ifndef LOWBIT_LIB_GPU_GROUPEDKERNEL_H
#define LOWBIT_LIB_GPU_GROUPEDKERNEL_H

#include "LaneProducts.h"
#include "lowbit/GPU/MatmulKernel.h"
#include "lowbit/IR/Lowbit.h"
#include "lowbit/Transforms/SumOrder.h"

namespace mlir::lowbit {

/// What a kernel's code depends on. The epilogue of `shared` takes the real or the dot; its sides are not looked at.
struct GroupedKernel {
  MatmulKernel shared;
  LaneTypes types;
  FloatType scale; ///< Null where there is one group, whose dot the epilogue takes.
  int64_t group;
  bool hasZeros; ///< Of i8, one a group.
  /// Whether it may begin before the kernels that were launched before it have ended, and whether weights, scales and zeros are there even
  /// then.
  bool startsEarly = false, hasConstantWeights = false;

  /// Neighbours of the reduction whose weights a warp reads together: some groups, a group, or, where groups are larger, a part of one.
  int64_t getStepDepth() const;
  /// Steps of a group, and groups of a step: one of them is 1. Without scales a group is what a step is.
  int64_t getStepsOfGroup() const;
  int64_t getGroupsOfStep() const;
  /// What scales are in shared memory: those of 8 bits become f32 on their way there, once for all rows.
  FloatType getSharedScale() const;
  /// Types, groups and known sizes of a product, on tensors or buffers; its epilogue is not looked at.
  static GroupedKernel describe(GroupedMatmulOp op);
  /// Whether the reduction is known to be whole steps.
  bool hasWholeSteps() const { return shared.depth != 0 && shared.depth % getStepDepth() == 0; }
};

/// A block multiplies up to 16 rows by `16 * tiles` columns; its warps share out the reduction, step by step.
///
/// Weights come by cp.async, 16 bytes that a lane reads itself: nobody waits for anybody, and `slots` steps of each warp are under way from
/// the beginning on. Groups have an order. So warps put their dots into shared memory, and then threads add those of some elements,
/// group after group; where there is one group only, the parts of its dot.
class GroupedPlan {
public:
  /// multiprocessors: of the GPU it is for.
  GroupedPlan(const GroupedKernel &kernel, int64_t multiprocessors);

  std::string getName() const;
  /// In which order it adds floats up; plain where dots are exact.
  SumOrder getOrder() const;
  int64_t getThreads() const { return 32 * warps; }
  int64_t getColumns() const { return LaneWeights::columns * tiles; }
  int64_t getSharedBytes() const { return getScalesOffset() + getScalesBytes() + getDots() * getElements() * 4; }

  /// Arguments: lhs, rhs, scales and zeros where there are, operands, results, then rows, columns, depth (i32).
  SmallVector<Type> getArguments(MLIRContext *context) const;
  void emit(KernelBuilder &b, gpu::GPUFuncOp function) const;

  /// Elements of a block's part of the result; bytes of a step of a warp.
  int64_t getElements() const { return rows * getColumns(); }
  /// Neighbouring rows of a column that a thread adds up.
  int64_t getRun() const {
    return std::clamp<int64_t>(llvm::PowerOf2Ceil(llvm::divideCeil(getElements(), getThreads())), 2, std::min<int64_t>(rows, 4));
  }
  int64_t getPieces() const { return kernel.getStepDepth() / kernel.types.getWeights().getPieceDepth(); }
  int64_t getSlotBytes() const { return tiles * getPieces() * LaneWeights::pieceBytes; }
  int64_t getScalesOffset() const { return warps * slots * getSlotBytes(); }
  int64_t getScalesBytes() const {
    return kernel.scale ? getDots() * getColumns() * kernel.getSharedScale().getIntOrFloatBitWidth() / 8 : 0;
  }
  /// Dots of an element in shared memory: of groups between two barriers, or of warps.
  int64_t getDots() const { return kernel.scale ? warps * turns * kernel.getGroupsOfStep() : warps; }

  const GroupedKernel &kernel;
  int64_t rows;  ///< 2, 4, 8 or 16.
  int64_t tiles; ///< Of 16 columns.
  int64_t warps;
  int64_t slots;  ///< Steps of a warp that are under way.
  int64_t turns;  ///< Of groups, or of steps with some, of a warp between two barriers.
  bool isOneTurn; ///< Whether there are known to be no more.
};

} // namespace mlir::lowbit

#endif // LOWBIT_LIB_GPU_GROUPEDKERNEL_H
