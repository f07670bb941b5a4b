//===- DuplicateFills.cpp - every accumulator has an initial value --------===//
// Law: a constant tensor that several ops start from is written once for each of them, never copied.

#include "lowbit/Transforms/Passes.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

namespace mlir::lowbit {
#define GEN_PASS_DEF_DUPLICATEFILLSPASS
#include "lowbit/Transforms/Passes.h.inc"

/// Whether nothing is in the tensor yet, whatever shape it was given.
static bool isEmpty(Value tensor) {
  Operation *op = tensor.getDefiningOp();
  while (isa_and_present<tensor::ExpandShapeOp, tensor::CollapseShapeOp>(op) &&
         cast<RankedTensorType>(op->getResult(0).getType()).hasStaticShape())
    op = op->getOperand(0).getDefiningOp();
  return isa_and_present<tensor::EmptyOp>(op);
}

/// Another one like it.
static Value makeEmpty(OpBuilder &builder, Value empty) {
  if (auto op = empty.getDefiningOp<tensor::EmptyOp>())
    return builder.clone(*op)->getResult(0);
  auto type = cast<RankedTensorType>(empty.getType());
  return tensor::EmptyOp::create(builder, empty.getLoc(), type.getShape(), type.getElementType());
}

/// Whether the op sets every element to one scalar.
static bool isFill(linalg::LinalgOp op) {
  return op->getNumResults() == 1 && op.getNumReductionLoops() == 0 && isEmpty(op.getDpsInitOperand(0)->get()) &&
         llvm::none_of(op.getDpsInputs(), [](Value input) { return isa<ShapedType>(input.getType()); }) &&
         op.getBlock()->getOperations().size() == 1;
}

namespace {
struct DuplicateFillsPass final : impl::DuplicateFillsPassBase<DuplicateFillsPass> {
  void runOnOperation() override {
    fillReshaped();
    SmallVector<linalg::LinalgOp> fills;
    getOperation()->walk([&](linalg::LinalgOp op) {
      if (isFill(op) && !op->hasOneUse())
        fills.push_back(op);
    });
    for (linalg::LinalgOp fill : fills)
      for (OpOperand &use : llvm::make_early_inc_range(fill->getUses())) {
        OpBuilder builder(use.getOwner());
        Value init = fill.getDpsInitOperand(0)->get();
        IRMapping mapping;
        mapping.map(init, makeEmpty(builder, init));
        use.set(builder.clone(*fill, mapping)->getResult(0));
      }
    for (linalg::LinalgOp fill : fills)
      fill.erase();
  }

  /// A reshape of a fill is a fill of the other shape.
  void fillReshaped() {
    SmallVector<Operation *> reshapes;
    getOperation()->walk([&](Operation *op) {
      if (!isa<tensor::ExpandShapeOp, tensor::CollapseShapeOp>(op))
        return;
      auto fill = op->getOperand(0).getDefiningOp<linalg::LinalgOp>();
      auto type = dyn_cast<RankedTensorType>(op->getResult(0).getType());
      if (fill && isFill(fill) && type && type.hasStaticShape())
        reshapes.push_back(op);
    });
    for (Operation *reshape : reshapes) {
      OpBuilder builder(reshape);
      auto fill = reshape->getOperand(0).getDefiningOp<linalg::LinalgOp>();
      Value scalar = fill.getBlock()->getTerminator()->getOperand(0);
      if (auto argument = dyn_cast<BlockArgument>(scalar); argument && argument.getOwner() == fill.getBlock())
        scalar = fill.getMatchingOpOperand(argument)->get();
      auto type = cast<RankedTensorType>(reshape->getResult(0).getType());
      Value empty = tensor::EmptyOp::create(builder, reshape->getLoc(), type.getShape(), type.getElementType());
      reshape->getResult(0).replaceAllUsesWith(linalg::FillOp::create(builder, fill.getLoc(), scalar, empty).getResult(0));
      reshape->erase();
      if (fill->use_empty())
        fill->erase();
    }
  }
};
} // namespace
} // namespace mlir::lowbit
