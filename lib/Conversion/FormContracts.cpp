//===- FormContracts.cpp - products of floats become contractions ---------===//
// Law: the same products are summed, of either side first; only the order of the sum, which is the model's own arithmetic, is left to the
// target.

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

/// Puts that side first which has the rows of the result: derivatives and models may name them in any order.
static ContractOp putRowsFirst(RewriterBase &rewriter, ContractOp op) {
  AffineMap lhs = op.getLhsMap(), rhs = op.getRhsMap(), result = op.getResultMap();
  if (result.getNumResults() < 2 || op.hasEpilogue() || op.getLhsSchemeAttr() || op.getRhsSchemeAttr())
    return op;
  auto column = dyn_cast<AffineDimExpr>(result.getResults().back());
  if (!column || !lhs.isFunctionOfDim(column.getPosition()) || rhs.isFunctionOfDim(column.getPosition()))
    return op;
  auto swapped =
      ContractOp::create(rewriter, op.getLoc(), op.getResult().getType(), op.getRhs(), Value(), Value(), op.getLhs(), Value(), Value(),
                         op.getInit(), ValueRange(), rewriter.getAffineMapArrayAttr({rhs, lhs, result}), SchemeAttr(), SchemeAttr());
  swapped->setDiscardableAttrs(op->getDiscardableAttrDictionary());
  rewriter.eraseOp(op);
  return swapped;
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
  contract = putRowsFirst(rewriter, contract);
  FailureOr<MatmulForm> form = getMatmulForm(contract, target, reason);
  if (succeeded(form) && !staysWithRows(contract, *form))
    return contract;
  rewriter.eraseOp(contract);
  return {};
}

/// Whether it is worth to swap the sides of a product of two activations that both lie along the reduction. The right side is transposed at
/// run time; that is cheap where the left side is small, and so is the result, which is transposed, too.
static bool isBetterSwapped(ContractOp op, QuantTargetAttrInterface target) {
  std::string reason;
  FailureOr<MatmulForm> form = getMatmulForm(op, target, reason);
  if (failed(form) || !form->element || op.getNumLoops() != 3 || op.getLhsSchemeAttr() || op.getRhsSchemeAttr() ||
      matchPattern(op.getRhs(), m_Constant()))
    return false;
  AffineMap lhs = op.getLhsMap(), rhs = op.getRhsMap();
  bool isAlongReduction = lhs.getDimPosition(1) == form->k && rhs.getDimPosition(1) == form->k;
  bool isSameType = getElementTypeOrSelf(op.getLhs().getType()) == getElementTypeOrSelf(op.getRhs().getType());
  // Rows become lanes: none are padded. What moves half the bytes is worth another pass over the result.
  bool fillsLanes = form->rows % getDotProduct(target, *form).lanes == 0;
  int64_t resultWidth = getElementTypeOrSelf(op.getResult().getType()).getIntOrFloatBitWidth();
  int64_t bits = form->rows * (form->depth * form->rhsWidth + form->columns * resultWidth);
  return isAlongReduction && isSameType && fillsLanes && 2 * bits <= form->columns * form->depth * form->rhsWidth;
}

/// The transposed product of the sides in the other order, transposed.
static void swapSides(RewriterBase &rewriter, ContractOp op) {
  rewriter.setInsertionPoint(op);
  Location loc = op.getLoc();
  auto type = cast<RankedTensorType>(op.getResult().getType());
  SmallVector<int64_t> order{1, 0}, shape = applyPermutation(type.getShape(), order);
  Value init = tensor::EmptyOp::create(rewriter, loc, shape, type.getElementType());
  SmallVector<AffineMap> maps = llvm::to_vector(op.getIndexingMaps().getAsValueRange<AffineMapAttr>());
  std::swap(maps[0], maps[1]);
  maps[2] = AffineMap::get(3, 0, {maps[2].getResult(1), maps[2].getResult(0)}, op.getContext());
  auto swapped = ContractOp::create(rewriter, loc, init.getType(), op.getRhs(), Value(), Value(), op.getLhs(), Value(), Value(), init,
                                    op.getEpilogueOperands(), rewriter.getAffineMapArrayAttr(maps), SchemeAttr(), SchemeAttr());
  swapped->setDiscardableAttrs(op->getDiscardableAttrDictionary());
  if (op.hasEpilogue())
    rewriter.inlineRegionBefore(op.getEpilogue(), swapped.getEpilogue(), swapped.getEpilogue().end());
  Value empty = tensor::EmptyOp::create(rewriter, loc, type.getShape(), type.getElementType());
  rewriter.replaceOp(op, linalg::TransposeOp::create(rewriter, loc, swapped.getResult(), empty, order)->getResult(0));
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
      return signalPassFailure();
    SmallVector<ContractOp> contracts;
    getOperation()->walk([&](ContractOp op) { contracts.push_back(op); });
    for (ContractOp op : contracts)
      if (isBetterSwapped(op, *resolved))
        swapSides(rewriter, op);
  }
};
} // namespace
} // namespace mlir::lowbit
