//===- ExpandBFloat16.cpp - bf16 by integers ------------------------------===//
// Law: rounds half to even, as bf16 arithmetic is defined, subnormals included; no function of a compiler's run time is called.

#include "lowbit/Transforms/Passes.h"
#include "mlir/Dialect/Arith/Transforms/Passes.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

namespace mlir::lowbit {
#define GEN_PASS_DEF_EXPANDBFLOAT16PASS
#include "lowbit/Transforms/Passes.h.inc"

namespace {
struct ExpandBFloat16Pass final : impl::ExpandBFloat16PassBase<ExpandBFloat16Pass> {
  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    arith::populateExpandBFloat16Patterns(patterns);
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      signalPassFailure();
  }
};
} // namespace
} // namespace mlir::lowbit
