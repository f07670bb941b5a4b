//===- LoopNeighbours.cpp - elements that one thread of a loop computes ----===//
// Law: neighbours divide their loop, so that no thread has a tail, and an access of several elements lies at a multiple of its size.

#include "ElementAccess.h"
#include "LoopKernel.h"
#include <numeric>

namespace mlir::lowbit {

static constexpr int64_t mostBytes = 16, mostNeighbours = 16, mostOps = 128;

/// What one more step of `loop` adds to `expr`; none where that depends on the step.
static std::optional<int64_t> getStep(AffineExpr expr, unsigned loop) {
  if (!expr.isFunctionOfDim(loop))
    return 0;
  if (isa<AffineDimExpr>(expr))
    return 1;
  auto binary = cast<AffineBinaryOpExpr>(expr);
  std::optional<int64_t> lhs = getStep(binary.getLHS(), loop), rhs = getStep(binary.getRHS(), loop);
  if (expr.getKind() == AffineExprKind::Add && lhs && rhs)
    return *lhs + *rhs;
  auto factor = dyn_cast<AffineConstantExpr>(binary.getRHS());
  if (expr.getKind() == AffineExprKind::Mul && lhs && factor)
    return *lhs * factor.getValue();
  return std::nullopt;
}

NeighbourAccess::NeighbourAccess(MemRefType type, ArrayRef<AffineExpr> places, unsigned loop, int64_t neighbours) {
  auto [strides, offset] = type.getStridesAndOffset();
  stride = 0;
  AffineExpr element = getAffineConstantExpr(0, type.getContext());
  for (auto [place, step] : llvm::zip_equal(places, strides)) {
    std::optional<int64_t> moved = getStep(place, loop);
    stride = stride && moved ? std::optional(*stride + *moved * step) : std::nullopt;
    element = element + place * step;
  }
  // Buffers begin at multiples of 16 bytes.
  AffineExpr first = getAffineDimExpr(loop, type.getContext()) * neighbours;
  isAligned = stride == 1 && neighbours > 1 && !ShapedType::isDynamic(offset) && offset % neighbours == 0 &&
              neighbours * getElementBytes(type.getElementType()) <= mostBytes &&
              element.replace(getAffineDimExpr(loop, type.getContext()), first).isMultipleOf(neighbours);
}

/// The parallel loop along which all results are next to one another.
static std::optional<unsigned> findResultLoop(const LoopOp &loops) {
  linalg::LinalgOp op = loops.op;
  for (unsigned loop : llvm::reverse(loops.parallel)) {
    auto isNext = [&](OpOperand &init) {
      return NeighbourAccess(cast<MemRefType>(init.get().getType()), op.getMatchingIndexingMap(&init).getResults(), loop, 1).stride == 1;
    };
    if (loops.sizes[loop] > 1 && llvm::all_of(op.getDpsInitsMutable(), isNext))
      return loop;
  }
  return std::nullopt;
}

void chooseNeighbours(LoopOp &loops, int64_t multiprocessors) {
  linalg::LinalgOp op = loops.op;
  std::optional<unsigned> loop = op.getNumDpsInits() == 0 ? std::nullopt : findResultLoop(loops);
  if (loops.isShared() || !loop)
    return;
  llvm::erase(loops.parallel, *loop);
  loops.parallel.push_back(*loop);
  int64_t mostHeld = mostNeighbours;
  for (OpOperand &operand : op->getOpOperands())
    if (auto type = dyn_cast<MemRefType>(operand.get().getType()))
      if (NeighbourAccess(type, op.getMatchingIndexingMap(&operand).getResults(), *loop, 1).stride != 0)
        mostHeld = std::min(mostHeld, mostBytes / getElementBytes(type.getElementType()));
  int64_t ops = 0;
  op.getBlock()->walk([&](Operation *) { ++ops; });
  int64_t wanted = multiprocessors * LoopOp::threadsPerBlock;
  for (int64_t count = mostHeld; count > 1; count /= 2)
    if (loops.sizes[*loop] % count == 0 && loops.getElements() / count >= wanted && count * ops <= mostOps) {
      loops.neighbours = count;
      return;
    }
}

} // namespace mlir::lowbit
