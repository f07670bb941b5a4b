//===- LowerDotProducts.cpp - contractions as the target's instructions ---===//
// Law: the target says how; nothing here knows which target it is.

#include "lowbit/Conversion/Passes.h"
#include "lowbit/Targets/DotProductPattern.h"
#include "lowbit/Targets/Resolve.h"
#include "mlir/Dialect/AMX/AMXDialect.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

namespace mlir::lowbit {
#define GEN_PASS_DEF_LOWERDOTPRODUCTSPASS
#include "lowbit/Conversion/Passes.h.inc"

namespace {
struct LowerDotProductsPass final : impl::LowerDotProductsPassBase<LowerDotProductsPass> {
  using LowerDotProductsPassBase::LowerDotProductsPassBase;

  void runOnOperation() override {
    FailureOr<QuantTargetAttrInterface> resolved = getPassTarget(getOperation(), target);
    if (failed(resolved))
      return signalPassFailure();
    RewritePatternSet patterns(&getContext());
    resolved->populateDotProductPatterns(patterns);
    populatePortableDotProductPatterns(patterns, resolved->getDotProduct());
    populateLowerDecodePatterns(patterns, *resolved);
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      signalPassFailure();
  }
};
} // namespace
} // namespace mlir::lowbit
