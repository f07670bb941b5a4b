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
    });
  }
};
} // namespace
} // namespace mlir::lowbit
