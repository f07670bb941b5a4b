//===- NarrowEarly.cpp - conversions go before what moves elements --------===//
// Law: an element is converted before it is moved instead of after; nothing else changes.

#include "lowbit/GPU/Passes.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

namespace mlir::lowbit {
#define GEN_PASS_DEF_NARROWEARLYPASS
#include "lowbit/GPU/Passes.h.inc"

/// Whether the op is one conversion of each element, in its place, to a narrower type.
static bool isNarrowing(linalg::GenericOp op) {
  if (op.getNumDpsInputs() != 1 || op.getNumDpsInits() != 1 || op.getBody()->getOperations().size() != 2 || !op.hasPureTensorSemantics() ||
      !llvm::all_of(op.getIndexingMapsArray(), [](AffineMap map) { return map.isIdentity(); }))
    return false;
  Operation &conversion = op.getBody()->front();
  return isa<arith::TruncFOp, arith::TruncIOp>(conversion) && op.getBody()->getTerminator()->getOperand(0) == conversion.getResult(0) &&
         conversion.getOperand(0) == op.getRegionInputArgs()[0];
}

/// The same conversion of `source`.
static Value convert(RewriterBase &rewriter, linalg::GenericOp op, Value source) {
  auto type = cast<RankedTensorType>(source.getType());
  Type element = getElementTypeOrSelf(op.getResult(0).getType());
  Value empty = tensor::EmptyOp::create(rewriter, op.getLoc(), type.getShape(), element);
  SmallVector<AffineMap> maps(2, rewriter.getMultiDimIdentityMap(type.getRank()));
  SmallVector<utils::IteratorType> iterators(type.getRank(), utils::IteratorType::parallel);
  auto made = linalg::GenericOp::create(rewriter, op.getLoc(), empty.getType(), source, empty, maps, iterators);
  IRMapping mapping;
  op.getRegion().cloneInto(&made.getRegion(), mapping);
  return made.getResult(0);
}

namespace {
struct BeforeReshape final : OpRewritePattern<linalg::GenericOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(linalg::GenericOp op, PatternRewriter &rewriter) const override {
    if (!isNarrowing(op))
      return rewriter.notifyMatchFailure(op, "not a conversion to narrower numbers alone");
    Operation *reshape = op.getInputs()[0].getDefiningOp();
    if (!isa_and_present<tensor::ExpandShapeOp, tensor::CollapseShapeOp>(reshape) || !reshape->hasOneUse() ||
        !cast<RankedTensorType>(reshape->getOperand(0).getType()).hasStaticShape())
      return rewriter.notifyMatchFailure(op, "not of a reshape of known shape that nothing else reads");
    Value narrow = convert(rewriter, op, reshape->getOperand(0));
    Type type = op.getResult(0).getType();
    if (auto expand = dyn_cast<tensor::ExpandShapeOp>(reshape))
      rewriter.replaceOpWithNewOp<tensor::ExpandShapeOp>(op, type, narrow, expand.getReassociationIndices());
    else
      rewriter.replaceOpWithNewOp<tensor::CollapseShapeOp>(op, type, narrow,
                                                           cast<tensor::CollapseShapeOp>(reshape).getReassociationIndices());
    return success();
  }
};

struct BeforeTranspose final : OpRewritePattern<linalg::GenericOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(linalg::GenericOp op, PatternRewriter &rewriter) const override {
    if (!isNarrowing(op))
      return rewriter.notifyMatchFailure(op, "not a conversion to narrower numbers alone");
    auto move = op.getInputs()[0].getDefiningOp<linalg::GenericOp>();
    if (!move || !move->hasOneUse() || move.getNumDpsInputs() != 1 || move.getNumReductionLoops() != 0 ||
        move.getBody()->getOperations().size() != 1 || move.getBody()->getTerminator()->getOperand(0) != move.getRegionInputArgs()[0])
      return rewriter.notifyMatchFailure(op, "not of a transpose that nothing else reads");
    auto source = dyn_cast<RankedTensorType>(move.getInputs()[0].getType());
    if (!source || !source.hasStaticShape() || !move.getMatchingIndexingMap(move.getDpsInputOperand(0)).isPermutation())
      return rewriter.notifyMatchFailure(op, "moves no tensor of known shape as a whole");
    Value narrow = convert(rewriter, op, move.getInputs()[0]);
    auto body = [](OpBuilder &b, Location loc, ValueRange elements) { linalg::YieldOp::create(b, loc, elements[0]); };
    rewriter.replaceOpWithNewOp<linalg::GenericOp>(op, op.getResultTypes(), narrow, op.getOutputs(), move.getIndexingMapsArray(),
                                                   move.getIteratorTypesArray(), body);
    return success();
  }
};

struct NarrowEarlyPass final : impl::NarrowEarlyPassBase<NarrowEarlyPass> {
  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    patterns.add<BeforeReshape, BeforeTranspose>(&getContext());
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      signalPassFailure();
  }
};
} // namespace
} // namespace mlir::lowbit
