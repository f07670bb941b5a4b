//===- OrderSums.cpp - reductions that a warp will share ------------------===//
// Law: the order that is written is the one that `lowbit-launch-loops` takes, which refuses any other.

#include "GroupedKernel.h"
#include "LoopOrder.h"
#include "PassGPU.h"
#include "lowbit/GPU/Passes.h"

namespace mlir::lowbit {
#define GEN_PASS_DEF_ORDERSUMSPASS
#include "lowbit/GPU/Passes.h.inc"

static constexpr int64_t warp = 32;

int64_t countElements(ArrayRef<int64_t> sizes, ArrayRef<unsigned> loops) {
  int64_t product = 1;
  for (unsigned loop : loops)
    product *= sizes[loop];
  return product;
}

/// How many elements further the operand is read when the loop goes on, with its rows one behind the other; 0 where it has no shape.
static int64_t getStride(linalg::LinalgOp op, OpOperand &operand, unsigned loop) {
  auto type = dyn_cast<ShapedType>(operand.get().getType());
  if (!type || !type.hasStaticShape())
    return 0;
  Builder builder(op->getContext());
  SmallVector<Attribute> first(op.getNumLoops(), builder.getIndexAttr(0)), next(first), from, to;
  next[loop] = builder.getIndexAttr(1);
  AffineMap map = op.getMatchingIndexingMap(&operand);
  if (failed(map.constantFold(first, from)) || failed(map.constantFold(next, to)))
    return 0;
  int64_t distance = 0, stride = 1;
  for (unsigned axis = type.getRank(); axis-- > 0; stride *= type.getDimSize(axis))
    distance += (cast<IntegerAttr>(to[axis]).getInt() - cast<IntegerAttr>(from[axis]).getInt()) * stride;
  return distance;
}

/// Whether neighbouring results read neighbouring elements, and the elements of one result are further apart: then a thread for each result
/// reads memory in larger pieces than a warp for each would. That takes results enough for a warp.
static bool readsAcross(linalg::LinalgOp op, ArrayRef<unsigned> parallel, ArrayRef<unsigned> reductions) {
  SmallVector<int64_t> sizes = op.getStaticLoopRanges();
  if (parallel.empty() || sizes[parallel.back()] < warp || countElements(sizes, parallel) * warp < countElements(sizes, reductions))
    return false;
  return llvm::any_of(op.getDpsInputOperands(), [&](OpOperand *input) {
    return getStride(op, *input, parallel.back()) == 1 && getStride(op, *input, reductions.back()) > 1;
  });
}

SumOrder findLoopOrder(linalg::LinalgOp op) {
  // Shorter reductions are left to one thread.
  constexpr int64_t shortest = 32;
  SmallVector<unsigned> reductions, parallel;
  op.getReductionDims(reductions);
  op.getParallelDims(parallel);
  SmallVector<int64_t> sizes = op.getStaticLoopRanges();
  if (reductions.empty() || llvm::any_of(sizes, ShapedType::isDynamic) || countElements(sizes, reductions) < shortest ||
      readsAcross(op, parallel, reductions))
    return {};
  for (unsigned i = 0; i < static_cast<unsigned>(op.getNumDpsInits()); ++i)
    if (!findCombiner(op, i))
      return {};
  SumOrder order;
  order.lanes = warp;
  order.neighbours = 1;
  return order;
}

/// Of floats of 8 bits: what the schedules that this GPU has add up.
static SumOrder findProductOrder(MatmulOp op, const GPUArchitecture &gpu) {
  auto element = dyn_cast<FloatType>(getElementTypeOrSelf(op.getLhs().getType()));
  if (!element || element.getWidth() != 8 || !gpu.hasFloat8Mma)
    return {};
  return MatmulKernel::getFloat8Order(/*byWarpgroups=*/gpu.hasWarpgroupMma);
}

static SumOrder findProductOrder(GroupedMatmulOp op, const GPUArchitecture &gpu) {
  GroupedKernel kernel = GroupedKernel::describe(op);
  return GroupedPlan(kernel, gpu.multiprocessors).getOrder();
}

namespace {
struct OrderSumsPass final : impl::OrderSumsPassBase<OrderSumsPass> {
  using OrderSumsPassBase::OrderSumsPassBase;

  void runOnOperation() override {
    const GPUArchitecture *gpu = getPassGPU(getOperation(), target);
    if (!gpu)
      return signalPassFailure();
    getOperation()->walk([&](Operation *op) {
      if (auto matmul = dyn_cast<MatmulOp>(op))
        setSumOrder(op, findProductOrder(matmul, *gpu));
      else if (auto grouped = dyn_cast<GroupedMatmulOp>(op); grouped && gpu->hasAsyncCopy)
        setSumOrder(op, findProductOrder(grouped, *gpu));
    });
    if (gpu->hasShuffle)
      getOperation()->walk([](linalg::LinalgOp op) {
        if (!op->hasAttr(rowAttrName))
          setSumOrder(op, findLoopOrder(op));
      });
  }
};
} // namespace
} // namespace mlir::lowbit
