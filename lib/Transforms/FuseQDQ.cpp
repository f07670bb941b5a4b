//===- FuseQDQ.cpp - float ops over dequantized operands to lowbit.contract ===//
//
// Invariant: codes, scales and zero points do not change. The sum is taken over codes, so it is the float op's up to the rounding
// of floats; `lowbit.contract` says exactly what it is.
//
//===----------------------------------------------------------------------===//

#include "lowbit/ExternalModels/Register.h"
#include "lowbit/Transforms/FuseEpilogue.h"
#include "lowbit/Transforms/Passes.h"
#include "lowbit/Transforms/Sites.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

namespace mlir::lowbit {
#define GEN_PASS_DEF_FUSEQDQPASS
#include "lowbit/Transforms/Passes.h.inc"

/// Replaces `op` when one of its operands is dequantized.
static void fuseDequantize(QuantizableOpInterface op, RewriterBase &rewriter) {
  std::string reason;
  SmallVector<DequantizeOp> dequantized;
  for (const QuantizableOperand &operand : op.getQuantizableOperands(reason))
    dequantized.push_back(operand.operand->get().getDefiningOp<DequantizeOp>());
  if (llvm::none_of(dequantized, [](DequantizeOp producer) { return producer; }))
    return;
  auto site = op->getAttrOfType<StringAttr>(kSiteAttr);
  rewriter.setInsertionPoint(op);
  FailureOr<Value> built = op.buildQuantized(rewriter, dequantized);
  if (failed(built))
    return reportLeftInFloat(op, "the schemes of its operands do not fit together; it computes on dequantized values");
  if (site)
    built->getDefiningOp()->setAttr(kSiteAttr, site);
  if (Attribute algorithms = op->getAttr(kAlgorithmsAttr))
    built->getDefiningOp()->setAttr(kAlgorithmsAttr, algorithms);
  rewriter.replaceOp(op, *built);
}

namespace {
struct FuseQDQPass final : PassWithModels<impl::FuseQDQPassBase<FuseQDQPass>> {
  void runOnOperation() override {
    SmallVector<QuantizableOpInterface> ops;
    getOperation()->walk([&](QuantizableOpInterface op) { ops.push_back(op); });
    IRRewriter rewriter(&getContext());
    for (QuantizableOpInterface op : ops)
      fuseDequantize(op, rewriter);
    if (failed(fuseEpilogues(getOperation())))
      signalPassFailure();
  }
};
} // namespace
} // namespace mlir::lowbit
