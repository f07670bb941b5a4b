//===- ApproximateMath.cpp - functions as polynomials ---------------------===//
// Law: every f32 function stays within a few units in the last place of the C library's, over its whole range.

#include "lowbit/Transforms/Passes.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Math/Transforms/Passes.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

namespace mlir::lowbit {
#define GEN_PASS_DEF_APPROXIMATEMATHPASS
#include "lowbit/Transforms/Passes.h.inc"

namespace {
struct ApproximateMathPass final : impl::ApproximateMathPassBase<ApproximateMathPass> {
  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    auto isApproximated = [](StringRef name) {
      return llvm::is_contained({math::ExpOp::getOperationName(), math::ErfOp::getOperationName(), math::TanhOp::getOperationName(),
                                 math::LogOp::getOperationName(), math::Log1pOp::getOperationName(), math::ExpM1Op::getOperationName(),
                                 math::SinOp::getOperationName(), math::CosOp::getOperationName()},
                                name);
    };
    populateMathPolynomialApproximationPatterns(patterns, isApproximated);
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      signalPassFailure();
  }
};
} // namespace
} // namespace mlir::lowbit
