//===- ApproximateMath.cpp - functions as polynomials ---------------------===//
// Law: results stay within 5 units in the last place of the C library's (test/Integration/CPU/functions.mlir), infinities and NaN included;
// results and operands below the smallest normal number count as zero and as that number. Sine and cosine stay the library's: upstream's
// lose large angles.

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
                                 math::LogOp::getOperationName(), math::Log1pOp::getOperationName(), math::ExpM1Op::getOperationName()},
                                name);
    };
    populateMathPolynomialApproximationPatterns(patterns, isApproximated);
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      signalPassFailure();
  }
};
} // namespace
} // namespace mlir::lowbit
