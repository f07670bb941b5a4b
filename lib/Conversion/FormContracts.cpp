//===- FormContracts.cpp - products of floats become contractions ---------===//
// Law: the same products are summed; only the order of the sum, which is the model's own arithmetic, is left to the target.

#include "lowbit/Conversion/Passes.h"
#include "lowbit/ExternalModels/Register.h"
#include "lowbit/Targets/Resolve.h"
#include "lowbit/Transforms/FuseEpilogue.h"
#include "lowbit/Transforms/MatmulForm.h"
#include "lowbit/Transforms/RowSharing.h"
#include "lowbit/Transforms/Sites.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Matchers.h"

namespace mlir::lowbit {
#define GEN_PASS_DEF_FORMCONTRACTSPASS
#include "lowbit/Conversion/Passes.h.inc"

/// Whether the product is one of many small ones of two activations.
static bool staysWithRows(ContractOp op, const MatmulForm &form) {
  bool isBatched = llvm::any_of(llvm::seq(op.getNumLoops()), [&](unsigned loop) {
    return loop != form.k && op.getLhsMap().isFunctionOfDim(loop) && op.getRhsMap().isFunctionOfDim(loop);
  });
  return isBatched && !matchPattern(op.getRhs(), m_Constant()) && form.columns * form.depth * form.rhsWidth / 8 <= mostSharedBytes;
}

/// The contraction that `op` is, or null.
static ContractOp formContract(RewriterBase &rewriter, QuantizableOpInterface op, QuantTargetAttrInterface target) {
  std::string reason;
  if (op->hasAttr(kExactAttr) || op->getNumResults() != 1 || op.getQuantizableOperands(reason).size() != 2)
    return {};
  rewriter.setInsertionPoint(op);
  FailureOr<Value> built = op.buildQuantized(rewriter, {DequantizeOp(), DequantizeOp()});
  auto contract = succeeded(built) ? built->getDefiningOp<ContractOp>() : ContractOp();
  if (!contract)
    return {};
  FailureOr<MatmulForm> form = getMatmulForm(contract, target, reason);
  if (succeeded(form) && !staysWithRows(contract, *form))
    return contract;
  rewriter.eraseOp(contract);
  return {};
}

namespace {
struct FormContractsPass final : PassWithModels<impl::FormContractsPassBase<FormContractsPass>> {
  using PassWithModels::PassWithModels;

  void runOnOperation() override {
    FailureOr<QuantTargetAttrInterface> resolved = getPassTarget(getOperation(), target);
    if (failed(resolved))
      return signalPassFailure();
    SmallVector<QuantizableOpInterface> ops;
    getOperation()->walk([&](QuantizableOpInterface op) { ops.push_back(op); });
    IRRewriter rewriter(&getContext());
    for (QuantizableOpInterface op : ops)
      if (ContractOp contract = formContract(rewriter, op, *resolved))
        rewriter.replaceOp(op, contract.getResult());
    if (failed(fuseEpilogues(getOperation())))
      signalPassFailure();
  }
};
} // namespace
} // namespace mlir::lowbit
