//===- SumScatteredRows.cpp - rows added where numbers say become sums ----===//
// Law: an element adds up the same rows in the same order.

#include "lowbit/GPU/Passes.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/Matchers.h"
#include "mlir/IR/PatternMatch.h"

namespace mlir::lowbit {
#define GEN_PASS_DEF_SUMSCATTEREDROWSPASS
#include "lowbit/GPU/Passes.h.inc"

/// The row of which the slice is all, if it is one: the tensor's last axis, whole.
static bool isRow(ArrayRef<OpFoldResult> offsets, ArrayRef<OpFoldResult> sizes, ArrayRef<OpFoldResult> strides, RankedTensorType whole) {
  auto are = [](ArrayRef<OpFoldResult> values, int64_t number) {
    return llvm::all_of(values, [&](OpFoldResult value) { return getConstantIntValue(value) == number; });
  };
  return are(offsets.take_back(1), 0) && are(sizes.drop_back(), 1) && getConstantIntValue(sizes.back()) == whole.getShape().back() &&
         are(strides, 1);
}

namespace {
/// Loops, each within the other, that add a row to one of a tensor.
struct Scatter {
  SmallVector<scf::ForOp> loops;
  SmallVector<int64_t> sizes;
  tensor::ExtractSliceOp given; ///< The row that is added, at the loops' places.
  tensor::InsertSliceOp target;

  static std::optional<Scatter> match(scf::ForOp outermost) {
    Scatter scatter;
    for (scf::ForOp loop = outermost;;) {
      std::optional<int64_t> end = getConstantIntValue(loop.getUpperBound());
      if (loop.getNumResults() != 1 || getConstantIntValue(loop.getLowerBound()) != 0 || getConstantIntValue(loop.getStep()) != 1 || !end)
        return std::nullopt;
      scatter.loops.push_back(loop);
      scatter.sizes.push_back(*end);
      Operation *last = loop.getBody()->getTerminator()->getOperand(0).getDefiningOp();
      if (auto insert = dyn_cast_or_null<tensor::InsertSliceOp>(last)) {
        scatter.target = insert;
        break;
      }
      auto inner = dyn_cast_or_null<scf::ForOp>(last);
      if (!inner || inner->getParentOp() != loop || inner.getInitArgs().size() != 1 || inner.getInitArgs()[0] != loop.getRegionIterArg(0))
        return std::nullopt;
      loop = inner;
    }
    return scatter.matchRow() ? std::optional(scatter) : std::nullopt;
  }

  Value getSum() { return loops.back().getRegionIterArg(0); }

private:
  bool matchRow() {
    auto whole = cast<RankedTensorType>(target.getType());
    auto added = target.getSource().getDefiningOp<linalg::AddOp>();
    if (!whole.hasStaticShape() || whole.getRank() != 2 || target.getDest() != getSum() || !added || !added->hasOneUse() ||
        !isRow(target.getMixedOffsets(), target.getMixedSizes(), target.getMixedStrides(), whole))
      return false;
    auto old = added.getInputs()[0].getDefiningOp<tensor::ExtractSliceOp>();
    given = added.getInputs()[1].getDefiningOp<tensor::ExtractSliceOp>();
    if (!old || !given || old.getSource() != getSum() || old.getMixedOffsets() != target.getMixedOffsets() ||
        old.getMixedSizes() != target.getMixedSizes() || old.getMixedStrides() != target.getMixedStrides())
      return false;
    RankedTensorType rows = given.getSourceType();
    if (!rows.hasStaticShape() || !isRow(given.getMixedOffsets(), given.getMixedSizes(), given.getMixedStrides(), rows) ||
        rows.getRank() != static_cast<int64_t>(loops.size()) + 1 ||
        loops.front()->isAncestor(given.getSource().getParentRegion()->getParentOp()))
      return false;
    for (auto [offset, loop] : llvm::zip(given.getMixedOffsets(), loops))
      if (dyn_cast<Value>(offset) != loop.getInductionVar())
        return false;
    // Nothing else happens to the tensor, and all else is computed from the loops' places.
    for (scf::ForOp loop : loops)
      for (Operation &op : loop.getBody()->without_terminator())
        if (!isa<scf::ForOp, tensor::InsertSliceOp, tensor::ExtractSliceOp, linalg::AddOp, tensor::EmptyOp, tensor::ExtractOp>(op) &&
            !isa<arith::ArithDialect>(op.getDialect()))
          return false;
    return llvm::range_size(getSum().getUses()) == 2 &&
           llvm::all_of(ArrayRef(loops).drop_back(), [](scf::ForOp loop) { return scf::ForOp(loop).getRegionIterArg(0).hasOneUse(); });
  }
};
} // namespace

/// Each element of the result goes through all rows, and adds its own of those that are added to its row.
static void replace(RewriterBase &rewriter, Scatter &scatter) {
  scf::ForOp outermost = scatter.loops.front();
  MLIRContext *context = rewriter.getContext();
  rewriter.setInsertionPoint(outermost);
  unsigned rank = 2 + scatter.loops.size();
  SmallVector<AffineExpr> places;
  for (unsigned i = 2; i < rank; ++i)
    places.push_back(getAffineDimExpr(i, context));
  places.push_back(getAffineDimExpr(1, context));
  SmallVector<AffineMap> maps{AffineMap::get(rank, 0, places, context),
                              AffineMap::get(rank, 0, {getAffineDimExpr(0, context), getAffineDimExpr(1, context)}, context)};
  SmallVector<utils::IteratorType> iterators(rank, utils::IteratorType::reduction);
  iterators[0] = iterators[1] = utils::IteratorType::parallel;
  auto body = [&](OpBuilder &b, Location at, ValueRange values) {
    IRMapping mapping;
    for (auto [i, loop] : llvm::enumerate(scatter.loops)) {
      mapping.map(loop.getInductionVar(), linalg::IndexOp::create(b, at, i + 2).getResult());
      for (Operation &op : loop.getBody()->without_terminator())
        if (isa<tensor::ExtractOp>(op) || isa<arith::ArithDialect>(op.getDialect()))
          b.clone(op, mapping);
    }
    OpFoldResult row = scatter.target.getMixedOffsets()[0];
    Value target =
        isa<Value>(row) ? mapping.lookupOrDefault(cast<Value>(row)) : arith::ConstantIndexOp::create(b, at, *getConstantIntValue(row));
    Value isOwn = arith::CmpIOp::create(b, at, arith::CmpIPredicate::eq, target, linalg::IndexOp::create(b, at, 0));
    Value sum = isa<FloatType>(values[1].getType()) ? arith::AddFOp::create(b, at, values[1], values[0]).getResult()
                                                    : arith::AddIOp::create(b, at, values[1], values[0]).getResult();
    linalg::YieldOp::create(b, at, arith::SelectOp::create(b, at, isOwn, sum, values[1]).getResult());
  };
  rewriter.replaceOpWithNewOp<linalg::GenericOp>(outermost, outermost.getResultTypes(), scatter.given.getSource(), outermost.getInitArgs(),
                                                 maps, iterators, body);
}

namespace {
struct SumScatteredRowsPass final : impl::SumScatteredRowsPassBase<SumScatteredRowsPass> {
  void runOnOperation() override {
    SmallVector<Scatter> found;
    getOperation()->walk<WalkOrder::PreOrder>([&](scf::ForOp loop) {
      std::optional<Scatter> scatter = Scatter::match(loop);
      if (!scatter)
        return WalkResult::advance();
      found.push_back(*scatter);
      return WalkResult::skip();
    });
    IRRewriter rewriter(&getContext());
    for (Scatter &scatter : found)
      replace(rewriter, scatter);
  }
};
} // namespace
} // namespace mlir::lowbit
