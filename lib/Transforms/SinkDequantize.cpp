//===- SinkDequantize.cpp - dequantize moves below element-moving ops -----===//
//
// Invariant: op(dequantize(c, s)) == dequantize(op(c), op'(s)), where op' moves whole blocks.
//
//===----------------------------------------------------------------------===//

#include "lowbit/ExternalModels/Register.h"
#include "lowbit/IR/Lowbit.h"
#include "lowbit/Transforms/Passes.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

namespace mlir::lowbit {
#define GEN_PASS_DEF_SINKDEQUANTIZEPASS
#include "lowbit/Transforms/Passes.h.inc"

namespace {
struct SinkDequantize final : OpInterfaceRewritePattern<ScaleTransparentOpInterface> {
  using OpInterfaceRewritePattern::OpInterfaceRewritePattern;

  LogicalResult matchAndRewrite(ScaleTransparentOpInterface op, PatternRewriter &rewriter) const override {
    auto dequantize = op.getMovedOperand().get().getDefiningOp<DequantizeOp>();
    if (!dequantize)
      return rewriter.notifyMatchFailure(op, "moved operand is not dequantized");
    if (!dequantize->hasOneUse())
      return rewriter.notifyMatchFailure(op, "dequantized values have another reader, which would need them as well");
    FailureOr<Value> moved = op.buildMoved(rewriter, dequantize);
    if (failed(moved))
      return rewriter.notifyMatchFailure(op, "op would tear a scale block apart");
    rewriter.replaceOp(op, *moved);
    return success();
  }
};

struct SinkDequantizePass final : PassWithModels<impl::SinkDequantizePassBase<SinkDequantizePass>> {
  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    patterns.add<SinkDequantize>(&getContext());
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns)))) {
      getOperation()->emitError("moving dequantize does not come to an end");
      signalPassFailure();
    }
  }
};
} // namespace
} // namespace mlir::lowbit
