//===- NormalizeLinears.cpp - linear layers in the one form we quantize ---===//
//
// Invariant: every element is computed by the same arithmetic; only shapes, and where constants are moved (now or at run time), change.
//
//===----------------------------------------------------------------------===//

#include "lowbit/Transforms/FoldConstantMoves.h"
#include "lowbit/Transforms/Passes.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Linalg/Transforms/Transforms.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Matchers.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

namespace mlir::lowbit {
#define GEN_PASS_DEF_NORMALIZELINEARSPASS
#include "lowbit/Transforms/Passes.h.inc"

namespace {

/// The input of a copy along a new first axis: `linalg.broadcast`, or a generic that yields its one input.
Value getBroadcastInput(Value value) {
  if (auto broadcast = value.getDefiningOp<linalg::BroadcastOp>())
    return broadcast.getDimensions() == ArrayRef<int64_t>{0} ? broadcast.getInput() : Value();
  auto copy = value.getDefiningOp<linalg::GenericOp>();
  if (!copy || copy.getNumDpsInputs() != 1 || copy.getNumParallelLoops() != 3 || copy.getNumLoops() != 3 ||
      copy.getBody()->getTerminator()->getOperand(0) != copy.getRegionInputArgs()[0])
    return {};
  MLIRContext *context = copy.getContext();
  AffineMap map = copy.getIndexingMapsArray()[0];
  AffineExpr row = getAffineDimExpr(1, context), column = getAffineDimExpr(2, context), first = getAffineConstantExpr(0, context);
  bool addsAxis = map == AffineMap::get(3, 0, {row, column}, context) || map == AffineMap::get(3, 0, {first, row, column}, context);
  return addsAxis && copy.getIndexingMapsArray()[1].isIdentity() ? copy.getDpsInputs()[0] : Value();
}

/// The one matrix that every batch of `value` is, made with `rewriter`; null when batches may differ.
Value getSharedMatrix(Value value, PatternRewriter &rewriter) {
  auto type = cast<RankedTensorType>(value.getType());
  if (type.getRank() == 2)
    return value;
  if (Value input = getBroadcastInput(value))
    return getSharedMatrix(input, rewriter);
  if (type.getRank() != 3 || type.getDimSize(0) != 1)
    return {};
  SmallVector<ReassociationIndices> groups{{0, 1}, {2}};
  if (auto expand = value.getDefiningOp<tensor::ExpandShapeOp>(); expand && expand.getReassociationIndices() == groups)
    return expand.getSrc();
  if (!matchPattern(value, m_Constant()))
    return {};
  return tensor::CollapseShapeOp::create(rewriter, value.getLoc(), value, groups);
}

/// A batch matmul whose batches share their weight is one matmul over all rows.
struct MergeBatches final : OpRewritePattern<linalg::BatchMatmulOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(linalg::BatchMatmulOp op, PatternRewriter &rewriter) const override {
    auto resultType = dyn_cast<RankedTensorType>(op->getResultTypes().empty() ? Type() : op->getResultTypes()[0]);
    if (!resultType || op.hasUserDefinedMaps())
      return rewriter.notifyMatchFailure(op, "not a plain batch matmul on tensors");
    auto fill = op.getDpsInits()[0].getDefiningOp<linalg::FillOp>();
    if (!fill)
      return rewriter.notifyMatchFailure(op, "accumulates into something else than a constant");
    Value weight = getSharedMatrix(op.getInputs()[1], rewriter);
    if (!weight || !(matchPattern(weight, m_Constant()) || weight.getDefiningOp<linalg::TransposeOp>() ||
                     weight.getDefiningOp<tensor::CollapseShapeOp>()))
      return rewriter.notifyMatchFailure(op, "batches do not share a constant right side");
    Location loc = op.getLoc();
    SmallVector<ReassociationIndices> groups{{0, 1}, {2}};
    Value rows = tensor::CollapseShapeOp::create(rewriter, loc, op.getInputs()[0], groups);
    SmallVector<OpFoldResult> sizes{tensor::getMixedSize(rewriter, loc, rows, 0), tensor::getMixedSize(rewriter, loc, weight, 1)};
    Value empty = tensor::EmptyOp::create(rewriter, loc, sizes, resultType.getElementType());
    Value init = linalg::FillOp::create(rewriter, loc, fill.getInputs(), empty).getResult(0);
    Value product =
        linalg::MatmulOp::create(rewriter, loc, TypeRange{init.getType()}, ValueRange{rows, weight}, ValueRange{init}).getResult(0);
    rewriter.replaceOpWithNewOp<tensor::ExpandShapeOp>(op, resultType, product, groups,
                                                       tensor::getMixedSizes(rewriter, loc, op.getDpsInits()[0]));
    return success();
  }
};

struct NormalizeLinearsPass final : impl::NormalizeLinearsPassBase<NormalizeLinearsPass> {
  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    patterns.add<MergeBatches>(&getContext());
    populateFoldConstantMovesPatterns(patterns);
    // What reads the rows of a linear reads them as rows: bias and activation function lie next to it then.
    linalg::populateFoldReshapeOpsByCollapsingPatterns(patterns, [](OpOperand *operand) {
      auto expand = operand->get().getDefiningOp<tensor::ExpandShapeOp>();
      return expand && expand->hasOneUse() && expand.getSrc().getDefiningOp<linalg::LinalgOp>();
    });
    tensor::ExpandShapeOp::getCanonicalizationPatterns(patterns, &getContext());
    tensor::CollapseShapeOp::getCanonicalizationPatterns(patterns, &getContext());
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns)))) {
      getOperation()->emitError("normalizing linear layers does not come to an end");
      signalPassFailure();
    }
  }
};
} // namespace
} // namespace mlir::lowbit
