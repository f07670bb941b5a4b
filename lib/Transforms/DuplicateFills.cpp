//===- DuplicateFills.cpp - every accumulator has an initial value --------===//
// Law: a constant tensor that several ops start from is written once for each of them, never copied.

#include "lowbit/Transforms/Passes.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

namespace mlir::lowbit {
#define GEN_PASS_DEF_DUPLICATEFILLSPASS
#include "lowbit/Transforms/Passes.h.inc"

/// Whether the op sets every element to one scalar.
static bool isFill(linalg::LinalgOp op) {
  return op->getNumResults() == 1 && op.getNumReductionLoops() == 0 && op.getDpsInitOperand(0)->get().getDefiningOp<tensor::EmptyOp>() &&
         llvm::none_of(op.getDpsInputs(), [](Value input) { return isa<ShapedType>(input.getType()); }) &&
         op.getBlock()->getOperations().size() == 1;
}

namespace {
struct DuplicateFillsPass final : impl::DuplicateFillsPassBase<DuplicateFillsPass> {
  void runOnOperation() override {
    SmallVector<linalg::LinalgOp> fills;
    getOperation()->walk([&](linalg::LinalgOp op) {
      if (isFill(op) && !op->hasOneUse())
        fills.push_back(op);
    });
    for (linalg::LinalgOp fill : fills)
      for (OpOperand &use : llvm::make_early_inc_range(fill->getUses())) {
        OpBuilder builder(use.getOwner());
        Operation *empty = builder.clone(*fill.getDpsInitOperand(0)->get().getDefiningOp());
        IRMapping mapping;
        mapping.map(fill.getDpsInitOperand(0)->get(), empty->getResult(0));
        use.set(builder.clone(*fill, mapping)->getResult(0));
      }
    for (linalg::LinalgOp fill : fills)
      fill.erase();
  }
};
} // namespace
} // namespace mlir::lowbit
