//===- PlaceResults.cpp - results are computed where they shall lie -------===//
// Law: only the view of a buffer changes; what is written to it, and when, stays.

#include "lowbit/Transforms/Passes.h"
#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Tensor/Transforms/Transforms.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

namespace mlir::lowbit {
#define GEN_PASS_DEF_PLACERESULTSPASS
#include "lowbit/Transforms/Passes.h.inc"

namespace {

/// Writes the tensor before a reshape into a view of the destination, so that what computes it can be given its place.
template <typename TensorReshape, typename MemRefReshape>
struct WriteBeforeReshape final : OpRewritePattern<bufferization::MaterializeInDestinationOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(bufferization::MaterializeInDestinationOp op, PatternRewriter &rewriter) const override {
    auto reshape = op.getSource().getDefiningOp<TensorReshape>();
    auto destination = dyn_cast<MemRefType>(op.getDest().getType());
    if (!reshape || !destination)
      return rewriter.notifyMatchFailure(op, "no reshaped tensor is written to a buffer");
    RankedTensorType before = reshape.getSrcType();
    if (!before.hasStaticShape() || !destination.getLayout().isIdentity())
      return rewriter.notifyMatchFailure(op, "the view of the buffer would not be known");
    // The view is to dominate whatever computes the tensor.
    OpBuilder::InsertionGuard guard(rewriter);
    rewriter.setInsertionPointAfterValue(op.getDest());
    auto type = MemRefType::get(before.getShape(), before.getElementType(), AffineMap(), destination.getMemorySpace());
    Value view = MemRefReshape::create(rewriter, op.getLoc(), type, op.getDest(), reshape.getReassociationIndices());
    rewriter.modifyOpInPlace(op, [&] {
      op.getSourceMutable().assign(reshape.getSrc());
      op.getDestMutable().assign(view);
    });
    return success();
  }
};

struct PlaceResultsPass final : impl::PlaceResultsPassBase<PlaceResultsPass> {
  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    patterns.add<WriteBeforeReshape<tensor::CollapseShapeOp, memref::ExpandShapeOp>,
                 WriteBeforeReshape<tensor::ExpandShapeOp, memref::CollapseShapeOp>>(&getContext());
    tensor::populateFoldTensorEmptyPatterns(patterns);
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      signalPassFailure();
  }
};

} // namespace
} // namespace mlir::lowbit
