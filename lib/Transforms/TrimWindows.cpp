//===- TrimWindows.cpp - operands end where their last window ends ---------===//
// Law: elements that no iteration reads are left out, and no other; only along axes where a window takes a single step.

#include "lowbit/Transforms/Passes.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

namespace mlir::lowbit {
#define GEN_PASS_DEF_TRIMWINDOWSPASS
#include "lowbit/Transforms/Passes.h.inc"

/// The largest value of `expr`, a sum of loops times positive constants, over loops of `sizes`; nothing where it is not one, or has no loop
/// of a single iteration.
static std::optional<int64_t> getLargest(AffineExpr expr, ArrayRef<int64_t> sizes, bool &hasUnitLoop) {
  if (auto dim = dyn_cast<AffineDimExpr>(expr)) {
    hasUnitLoop |= sizes[dim.getPosition()] == 1;
    return sizes[dim.getPosition()] - 1;
  }
  if (auto constant = dyn_cast<AffineConstantExpr>(expr))
    return constant.getValue();
  auto binary = dyn_cast<AffineBinaryOpExpr>(expr);
  if (!binary || (expr.getKind() != AffineExprKind::Add && expr.getKind() != AffineExprKind::Mul))
    return std::nullopt;
  std::optional<int64_t> left = getLargest(binary.getLHS(), sizes, hasUnitLoop), right = getLargest(binary.getRHS(), sizes, hasUnitLoop);
  if (!left || !right || *left < 0 || *right < 0)
    return std::nullopt;
  return expr.getKind() == AffineExprKind::Add ? *left + *right : *left * *right;
}

namespace {
struct TrimWindowsPass final : impl::TrimWindowsPassBase<TrimWindowsPass> {
  void runOnOperation() override {
    getOperation()->walk([](linalg::LinalgOp op) {
      if (!op.hasPureTensorSemantics() || op.hasDynamicShape())
        return;
      SmallVector<int64_t> loops = op.getStaticLoopRanges();
      for (OpOperand *operand : op.getDpsInputOperands())
        trim(op, *operand, loops);
    });
  }

  static void trim(linalg::LinalgOp op, OpOperand &operand, ArrayRef<int64_t> loops) {
    auto type = dyn_cast<RankedTensorType>(operand.get().getType());
    if (!type)
      return;
    SmallVector<int64_t> shape(type.getShape());
    for (auto [axis, expr] : llvm::enumerate(op.getMatchingIndexingMap(&operand).getResults())) {
      bool hasUnitLoop = false;
      std::optional<int64_t> largest = isa<AffineDimExpr>(expr) ? std::nullopt : getLargest(expr, loops, hasUnitLoop);
      if (largest && hasUnitLoop)
        shape[axis] = std::min(shape[axis], *largest + 1);
    }
    if (ArrayRef(shape) == type.getShape())
      return;
    OpBuilder builder(op);
    SmallVector<OpFoldResult> zeros(shape.size(), builder.getIndexAttr(0)), ones(shape.size(), builder.getIndexAttr(1));
    operand.set(
        tensor::ExtractSliceOp::create(builder, op.getLoc(), operand.get(), zeros, getAsIndexOpFoldResult(op.getContext(), shape), ones));
  }
};
} // namespace
} // namespace mlir::lowbit
