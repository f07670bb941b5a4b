//===- Gradients.cpp - reverse-mode differentiation of straight-line code -===//
// Law: cotangents of the results are complete before an op is asked for those of its operands.

#include "lowbit/Training/Gradients.h"
#include "lowbit/Losses/Build.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/TypeUtilities.h"
#include "mlir/Transforms/RegionUtils.h"

namespace mlir::lowbit {

void Gradients::propagate(ArrayRef<Operation *> ops) {
  for (Operation *op : ops) {
    if (op->hasAttr(kDetachedAttr))
      continue;
    bool depends = llvm::any_of(op->getOperands(), [&](Value operand) { return isActive(operand); });
    if (!depends && op->getNumRegions() != 0) {
      llvm::SetVector<Value> captured;
      getUsedValuesDefinedAbove(op->getRegions(), captured);
      depends = llvm::any_of(captured, [&](Value value) { return isActive(value); });
    }
    if (depends)
      for (Value result : op->getResults())
        if (isa<FloatType>(getElementTypeOrSelf(result.getType())))
          activate(result);
  }
}

void Gradients::add(OpBuilder &builder, Location loc, Value value, Value gradient) {
  if (!isActive(value))
    return;
  Value &sum = cotangents[value];
  if (!sum)
    sum = gradient;
  else if (isa<RankedTensorType>(gradient.getType())) {
    Value init = tensor::EmptyOp::create(builder, loc, tensor::getMixedSizes(builder, loc, value), getElementTypeOrSelf(value.getType()));
    sum = linalg::AddOp::create(builder, loc, ValueRange{sum, gradient}, init).getResult(0);
  } else
    sum = arith::AddFOp::create(builder, loc, sum, gradient);
}

LogicalResult buildReverse(OpBuilder &builder, ArrayRef<Operation *> ops, Gradients &gradients) {
  for (Operation *op : llvm::reverse(ops)) {
    if (llvm::none_of(op->getResults(), [&](Value result) { return gradients.isActive(result) && gradients.lookup(result); }))
      continue;
    auto differentiable = dyn_cast<DifferentiableOpInterface>(op);
    if (!differentiable)
      return op->emitError()
             << "`" << op->getName()
             << "` has no derivative, and the loss depends through it on what is differentiated by; expected ops of linalg, "
                "arith, math, tensor or lowbit that have one (docs/training.md): rewrite it, or leave what it reads out";
    if (failed(differentiable.buildGradients(builder, gradients)))
      return failure();
  }
  return success();
}

Value buildZerosLike(OpBuilder &builder, Location loc, Value like) {
  Type element = getElementTypeOrSelf(like.getType());
  Value zero = arith::ConstantOp::create(builder, loc, builder.getZeroAttr(element));
  Value empty = tensor::EmptyOp::create(builder, loc, tensor::getMixedSizes(builder, loc, like), element);
  return linalg::FillOp::create(builder, loc, zero, empty).getResult(0);
}

} // namespace mlir::lowbit
