//===- LowerTransfers.cpp - vectors in buffers as loads and stores --------===//
// Law: a vector over contiguous axes is one load or store.

#include "lowbit/Conversion/Passes.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Vector/Transforms/LoweringPatterns.h"
#include "mlir/Dialect/Vector/Transforms/VectorRewritePatterns.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

namespace mlir::lowbit {
#define GEN_PASS_DEF_LOWERTRANSFERSPASS
#include "lowbit/Conversion/Passes.h.inc"

namespace {
/// A vector of one element is loaded as the element. Folding aliases into `vector.load` would otherwise load a vector from a buffer of
/// rank zero, which upstream then refuses.
struct LoadOneElement final : OpRewritePattern<vector::LoadOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(vector::LoadOp op, PatternRewriter &rewriter) const override {
    if (op.getVectorType().getNumElements() != 1 || op.getVectorType().isScalable() || isa<VectorType>(op.getMemRefType().getElementType()))
      return rewriter.notifyMatchFailure(op, "loads more than one element");
    Value element = memref::LoadOp::create(rewriter, op.getLoc(), op.getBase(), op.getIndices());
    rewriter.replaceOpWithNewOp<vector::BroadcastOp>(op, op.getVectorType(), element);
    return success();
  }
};

/// The same for stores.
struct StoreOneElement final : OpRewritePattern<vector::StoreOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(vector::StoreOp op, PatternRewriter &rewriter) const override {
    VectorType type = op.getVectorType();
    if (type.getNumElements() != 1 || type.isScalable() || isa<VectorType>(op.getMemRefType().getElementType()))
      return rewriter.notifyMatchFailure(op, "stores more than one element");
    SmallVector<int64_t> first(type.getRank(), 0);
    Value element = vector::ExtractOp::create(rewriter, op.getLoc(), op.getValueToStore(), first);
    rewriter.replaceOpWithNewOp<memref::StoreOp>(op, element, op.getBase(), op.getIndices());
    return success();
  }
};

struct LowerTransfersPass final : impl::LowerTransfersPassBase<LowerTransfersPass> {
  void runOnOperation() override {
    auto apply = [&](function_ref<void(RewritePatternSet &)> populate) {
      RewritePatternSet patterns(&getContext());
      populate(patterns);
      if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
        signalPassFailure();
    };
    // Flat first: lowering would cut a vector of two axes in rows.
    apply([](RewritePatternSet &patterns) { vector::populateFlattenVectorTransferPatterns(patterns); });
    apply([](RewritePatternSet &patterns) {
      vector::populateVectorTransferLoweringPatterns(patterns, /*maxTransferRank=*/1);
      vector::populateVectorShapeCastLoweringPatterns(patterns);
      patterns.add<LoadOneElement, StoreOneElement>(patterns.getContext());
    });
  }
};
} // namespace
} // namespace mlir::lowbit
