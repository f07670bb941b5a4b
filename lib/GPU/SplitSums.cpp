//===- SplitSums.cpp - long reductions to few elements --------------------===//
// Law: what is combined in another order is so only where the module says that the order makes no difference.

#include "LoopOrder.h"
#include "lowbit/GPU/Passes.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Linalg/Transforms/Transforms.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/IRMapping.h"

namespace mlir::lowbit {
#define GEN_PASS_DEF_SPLITSUMSPASS
#include "lowbit/GPU/Passes.h.inc"

/// Elements from which on a reduction is worth a second kernel, and results from which on there are threads enough without.
static constexpr int64_t shortest = 1024, manyResults = 4096;
/// What is left to one thread or warp is not shorter than that.
static constexpr int64_t shortestPart = 16;

namespace {
/// A reduction with one result, whose order makes no difference.
struct LongSum {
  linalg::GenericOp op;
  Operation *combiner;
  TypedAttr neutral;
  SmallVector<int64_t> sizes;
  SmallVector<unsigned> reductions;

  static std::optional<LongSum> find(linalg::GenericOp op) {
    if (op->getNumResults() != 1 || op.getNumReductionLoops() == 0 || !op.hasPureTensorSemantics())
      return std::nullopt;
    LongSum sum{op, findCombiner(op, 0), {}, op.getStaticLoopRanges(), {}};
    if (!sum.combiner || llvm::any_of(sum.sizes, ShapedType::isDynamic) || linalg::isaContractionOpInterface(op))
      return std::nullopt;
    std::optional<TypedAttr> neutral = arith::getNeutralElement(sum.combiner);
    if (!neutral || !op.getMatchingIndexingMap(op.getDpsInitOperand(0)).isProjectedPermutation())
      return std::nullopt;
    sum.neutral = *neutral;
    op.getReductionDims(sum.reductions);
    int64_t elements = sum.count(sum.reductions), results = llvm::product_of(sum.sizes) / std::max<int64_t>(elements, 1);
    if (elements < shortest || results >= manyResults)
      return std::nullopt;
    return sum;
  }

  int64_t count(ArrayRef<unsigned> loops) const { return countElements(sizes, loops); }

  /// How many of the reductions, from the outermost on, become loops over parts: those that leave the longer of both steps shortest.
  unsigned chooseOuter() const {
    unsigned best = 0;
    int64_t shortestLongest = count(reductions);
    for (unsigned n = 1; n < reductions.size(); ++n) {
      int64_t parts = count(ArrayRef(reductions).take_front(n)), rest = count(ArrayRef(reductions).drop_front(n));
      if (rest < shortestPart || std::max(parts, rest) >= shortestLongest)
        continue;
      best = n;
      shortestLongest = std::max(parts, rest);
    }
    return best;
  }
};
} // namespace

/// The first of the loops `outer` over parts, then what joins their results.
static void split(RewriterBase &rewriter, const LongSum &sum, ArrayRef<unsigned> outer) {
  linalg::GenericOp op = sum.op;
  Location loc = op.getLoc();
  rewriter.setInsertionPoint(op);
  SmallVector<utils::IteratorType> iterators = op.getIteratorTypesArray(), joining;
  SmallVector<int64_t> shape;
  SmallVector<AffineExpr> written, results;
  AffineMap resultMap = op.getMatchingIndexingMap(op.getDpsInitOperand(0));
  DenseMap<unsigned, unsigned> axes; // of the parts' tensor, by loop
  for (unsigned loop = 0; loop < iterators.size(); ++loop) {
    bool isOuter = llvm::is_contained(outer, loop);
    if (!isOuter && iterators[loop] == utils::IteratorType::reduction)
      continue;
    axes[loop] = shape.size();
    joining.push_back(iterators[loop]);
    iterators[loop] = utils::IteratorType::parallel;
    shape.push_back(sum.sizes[loop]);
    written.push_back(rewriter.getAffineDimExpr(loop));
  }
  for (AffineExpr expr : resultMap.getResults())
    results.push_back(rewriter.getAffineDimExpr(axes.lookup(cast<AffineDimExpr>(expr).getPosition())));

  Type element = getElementTypeOrSelf(op.getResult(0).getType());
  Value neutral = arith::ConstantOp::create(rewriter, loc, sum.neutral);
  Value empty = tensor::EmptyOp::create(rewriter, loc, shape, element);
  Value start = linalg::FillOp::create(rewriter, loc, neutral, empty).getResult(0);
  SmallVector<AffineMap> maps = op.getIndexingMapsArray();
  maps.back() = AffineMap::get(iterators.size(), 0, written, rewriter.getContext());
  auto parts = linalg::GenericOp::create(rewriter, loc, start.getType(), op.getInputs(), start, maps, iterators);
  parts->setDiscardableAttrs(op->getDiscardableAttrDictionary());
  IRMapping mapping;
  op.getRegion().cloneInto(&parts.getRegion(), mapping);

  unsigned rank = shape.size();
  SmallVector<AffineMap> joined = {rewriter.getMultiDimIdentityMap(rank), AffineMap::get(rank, 0, results, rewriter.getContext())};
  auto body = [&](OpBuilder &b, Location at, ValueRange values) {
    linalg::YieldOp::create(b, at, buildCombined(b, sum.combiner, op.getRegionOutputArgs()[0], values[1], values[0]));
  };
  rewriter.replaceOpWithNewOp<linalg::GenericOp>(op, op.getResultTypes(), parts.getResult(0), op.getOutputs(), joined, joining, body);
}

/// The divisor that is nearest to the square root from below; 1 where there is none.
static int64_t getDivisor(int64_t size) {
  int64_t best = 1;
  for (int64_t divisor = 2; divisor * divisor <= size; ++divisor)
    if (size % divisor == 0)
      best = divisor;
  return best;
}

namespace {
struct SplitSumsPass final : impl::SplitSumsPassBase<SplitSumsPass> {
  void runOnOperation() override {
    IRRewriter rewriter(&getContext());
    SmallVector<linalg::GenericOp> ops;
    getOperation()->walk([&](linalg::GenericOp op) { ops.push_back(op); });
    for (linalg::GenericOp op : ops) {
      std::optional<LongSum> sum = LongSum::find(op);
      if (!sum)
        continue;
      if (unsigned outer = sum->chooseOuter()) {
        split(rewriter, *sum, ArrayRef(sum->reductions).take_front(outer));
        continue;
      }
      // One long axis, or one that is most of all: it becomes two.
      if (sum->reductions.size() != 1)
        continue;
      int64_t parts = getDivisor(sum->sizes[sum->reductions[0]]);
      if (parts < shortestPart)
        continue;
      unsigned axis = op.getMatchingIndexingMap(op.getDpsInitOperand(0)).getNumResults();
      rewriter.setInsertionPoint(op);
      (void)linalg::splitReduction(rewriter, op,
                                   [&](linalg::LinalgOp) { return linalg::SplitReductionOptions{parts, axis, /*innerParallel=*/false}; });
    }
  }
};
} // namespace
} // namespace mlir::lowbit
