//===- FuseElementwise.cpp - elementwise ops join their consumers ---------===//
// Law: nothing is computed more often than before, but what costs less to compute again than to store and load.

#include "lowbit/Transforms/Passes.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Linalg/Transforms/Transforms.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Tensor/Transforms/Transforms.h"
#include "mlir/IR/Matchers.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

namespace mlir::lowbit {
#define GEN_PASS_DEF_FUSEELEMENTWISEPASS
#include "lowbit/Transforms/Passes.h.inc"

/// Whether the op only moves elements.
static bool isDataMovement(linalg::LinalgOp op) { return op.getBlock()->getOperations().size() == 1 && op.getNumDpsInputs() == 1; }

static bool isContraction(linalg::LinalgOp op) {
  return op.getNumReductionLoops() != 0 && op.getNumDpsInputs() > 1 && linalg::isaContractionOpInterface(op);
}

/// Whether computing the op a second time costs no more than loading its result: a few additions and products on one large operand.
static bool isCheap(linalg::LinalgOp op) {
  unsigned numLarge = llvm::count_if(op.getDpsInputOperands(), [&](OpOperand *input) {
    return op.getMatchingIndexingMap(input).getNumResults() == op.getNumLoops() && !op.getMatchingIndexingMap(input).getResults().empty() &&
           op.getMatchingIndexingMap(input).isProjectedPermutation();
  });
  bool isSimple = llvm::all_of(op.getBlock()->without_terminator(), [](Operation &bodyOp) {
    return isa<arith::AddFOp, arith::SubFOp, arith::MulFOp, arith::NegFOp, arith::AddIOp, arith::SubIOp, arith::ExtSIOp, arith::SIToFPOp>(
        bodyOp);
  });
  return isSimple && numLarge <= 1 && op.getBlock()->getOperations().size() <= 4;
}

/// Whether the element of the producer is the same along the consumer's innermost loop, so that it is computed once a row.
static bool isUniformAlongRow(linalg::LinalgOp consumer, OpOperand &operand) {
  return consumer.getNumLoops() > 1 && !consumer.getMatchingIndexingMap(&operand).isFunctionOfDim(consumer.getNumLoops() - 1);
}

/// Whether the two would read columns where they write rows, or the other way: a transposition of its own takes blocks of both.
static bool wouldReadColumns(linalg::LinalgOp producer, linalg::LinalgOp consumer, OpOperand &operand) {
  if (isDataMovement(producer) == isDataMovement(consumer) || consumer.getNumLoops() < 2)
    return false;
  linalg::LinalgOp move = isDataMovement(producer) ? producer : consumer, other = isDataMovement(producer) ? consumer : producer;
  bool isConversion = other.getNumDpsInputs() == 1 && other.getBlock()->getOperations().size() == 2;
  AffineMap read = move.getMatchingIndexingMap(move.getDpsInputOperand(0));
  AffineMap written = move.getMatchingIndexingMap(move.getDpsInitOperand(0));
  AffineMap between =
      consumer == other ? consumer.getMatchingIndexingMap(&operand) : producer.getMatchingIndexingMap(producer.getDpsInitOperand(0));
  if (isConversion || !read.isPermutation() || !written.isPermutation() || !between.isPermutation())
    return false;
  return read.getResults().back() != written.getResults().back() &&
         between.getResults().back() == getAffineDimExpr(other.getNumLoops() - 1, move.getContext());
}

static bool shouldFuse(OpOperand *operand) {
  auto producer = operand->get().getDefiningOp<linalg::LinalgOp>();
  auto consumer = dyn_cast<linalg::LinalgOp>(operand->getOwner());
  if (!producer || !consumer || !consumer.isDpsInput(operand))
    return false;
  if (isContraction(consumer)) {
    // A contraction reads each element many times: it takes only another way through memory, and that with rows still contiguous.
    auto permutation = isDataMovement(producer) ? producer.getMatchingIndexingMap(producer.getDpsInputOperand(0)) : AffineMap();
    return permutation && permutation.isPermutation() && producer.getMatchingIndexingMap(producer.getDpsInitOperand(0)).isIdentity() &&
           permutation.getResults().back() == getAffineDimExpr(permutation.getNumDims() - 1, producer.getContext());
  }
  if (wouldReadColumns(producer, consumer, *operand))
    return false;
  if (isUniformAlongRow(consumer, *operand))
    return true;
  if (producer.getNumLoops() != consumer.getNumLoops())
    return false;
  return producer->hasOneUse() || isCheap(producer);
}

/// Whether `op` multiplies by constant weights: split, its columns would no longer fill whole vectors.
static bool isLinear(Operation *op) {
  auto linalgOp = dyn_cast<linalg::LinalgOp>(op);
  return linalgOp && linalgOp.getNumReductionLoops() != 0 && llvm::any_of(linalgOp.getDpsInputs(), [](Value input) {
           auto type = dyn_cast<ShapedType>(input.getType());
           return type && type.getRank() > 1 && matchPattern(input, m_Constant());
         });
}

/// Whether a reshape between two linalg ops, and nothing else, stands in the way: the op then takes the finer shape.
static bool shouldReshape(OpOperand *operand) {
  Operation *producer = operand->get().getDefiningOp();
  if (!producer)
    return false;
  // An op's result, expanded.
  if (auto expand = dyn_cast<tensor::ExpandShapeOp>(operand->getOwner()))
    return isa<linalg::LinalgOp>(producer) && !isLinear(producer) && producer->hasOneUse() && !expand->use_empty() &&
           llvm::all_of(expand->getUsers(), llvm::IsaPred<linalg::LinalgOp>);
  // Something collapsed, as an operand. What reads the result otherwise (a contraction's loops) would have to take the finer shape apart
  // again.
  auto collapse = dyn_cast<tensor::CollapseShapeOp>(producer);
  Operation *consumer = operand->getOwner();
  return collapse && isa<linalg::LinalgOp>(consumer) && !isLinear(consumer) &&
         isa_and_present<linalg::LinalgOp>(collapse.getSrc().getDefiningOp()) && llvm::all_of(consumer->getUsers(), [](Operation *user) {
           return isa<linalg::LinalgOp>(user) || llvm::all_of(user->getUsers(), llvm::IsaPred<linalg::LinalgOp>);
         });
}

namespace {
/// What a fused op asserted is asserted where it is computed now. Upstream would leave an op without results that asserts it again.
struct EraseAssertions final : OpRewritePattern<linalg::GenericOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(linalg::GenericOp op, PatternRewriter &rewriter) const override {
    auto isHarmless = [](Operation &nested) { return isa<cf::AssertOp>(nested) || isMemoryEffectFree(&nested); };
    if (!op.use_empty() || op.getNumLoops() == 0 || !op.hasPureTensorSemantics() ||
        !llvm::all_of(op.getBlock()->without_terminator(), isHarmless))
      return rewriter.notifyMatchFailure(op, "has a result, or does more than to assert, or asserts what no loop computes");
    rewriter.eraseOp(op);
    return success();
  }
};

struct FuseElementwisePass final : impl::FuseElementwisePassBase<FuseElementwisePass> {
  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    patterns.add<EraseAssertions>(&getContext());
    linalg::populateElementwiseOpsFusionPatterns(patterns, shouldFuse);
    linalg::populateFoldReshapeOpsByExpansionPatterns(patterns, shouldReshape);
    linalg::GenericOp::getCanonicalizationPatterns(patterns, &getContext());
    tensor::EmptyOp::getCanonicalizationPatterns(patterns, &getContext());
    tensor::ExpandShapeOp::getCanonicalizationPatterns(patterns, &getContext());
    tensor::CollapseShapeOp::getCanonicalizationPatterns(patterns, &getContext());
    GreedyRewriteConfig config;
    config.setUseTopDownTraversal();
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns), config)))
      signalPassFailure();
  }
};
} // namespace
} // namespace mlir::lowbit
