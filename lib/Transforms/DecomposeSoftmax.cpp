//===- DecomposeSoftmax.cpp - softmax in ops that have bodies -------------===//
// Law: the largest element of a row is subtracted first, so that no exponential overflows.

#include "lowbit/Transforms/DecomposeSoftmax.h"
#include "lowbit/Transforms/Passes.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

namespace mlir::lowbit {
#define GEN_PASS_DEF_DECOMPOSESOFTMAXPASS
#include "lowbit/Transforms/Passes.h.inc"

LogicalResult decomposeSoftmax(Operation *root) {
  WalkResult result = root->walk([](linalg::SoftmaxOp op) {
    if (!op.hasPureTensorSemantics()) {
      op.emitError("`linalg.softmax` of buffers cannot be decomposed; expected tensors");
      return WalkResult::interrupt();
    }
    OpBuilder builder(op);
    FailureOr<SmallVector<Value>> values = op.decomposeOperation(builder);
    if (failed(values)) {
      op.emitError("`linalg.softmax` cannot be decomposed; expected a tensor of floats");
      return WalkResult::interrupt();
    }
    op->replaceAllUsesWith(*values);
    op->erase();
    return WalkResult::advance();
  });
  return failure(result.wasInterrupted());
}

namespace {
struct DecomposeSoftmaxPass final : impl::DecomposeSoftmaxPassBase<DecomposeSoftmaxPass> {
  void runOnOperation() override {
    if (failed(decomposeSoftmax(getOperation())))
      signalPassFailure();
  }
};
} // namespace
} // namespace mlir::lowbit
