//===- AddLoss.cpp - a function that computes a model's loss --------------===//

#include "lowbit/IR/Lowbit.h"
#include "lowbit/Training/Parameters.h"
#include "lowbit/Training/Passes.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

namespace mlir::lowbit {
#define GEN_PASS_DEF_ADDLOSSPASS
#include "lowbit/Training/Passes.h.inc"

namespace {
struct AddLossPass final : impl::AddLossPassBase<AddLossPass> {
  using AddLossPassBase::AddLossPassBase;

  void runOnOperation() override {
    if (failed(add()))
      signalPassFailure();
  }

private:
  LogicalResult add() {
    func::FuncOp model = findFunction(getOperation(), function);
    if (!model)
      return failure();
    auto kind = dyn_cast_or_null<LossAttrInterface>(LowbitDialect::parsePolicy(&getContext(), loss));
    if (!kind)
      return model.emitError() << "there is no loss `" << loss
                               << "`; expected one such as `cross_entropy`, `squared_error` or `cosine` (docs/Lowbit.md)";
    if (result >= model.getNumResults())
      return model.emitError() << "has " << model.getNumResults() << " results, but number " << result.getValue() << " is to be compared";
    auto type = dyn_cast<RankedTensorType>(model.getResultTypes()[result]);
    if (!type || !type.hasStaticShape() || !type.getElementType().isF32())
      return model.emitError() << "result " << result.getValue() << " is " << model.getResultTypes()[result]
                               << "; a loss needs a tensor of f32 of a static shape";
    std::string reason;
    RankedTensorType target = kind.getTargetType(type, reason);
    if (!target)
      return model.emitError() << "result " << result.getValue() << " of type " << type << " has no loss `" << loss << "`: " << reason;

    func::FuncOp added = cloneAs(model, name);
    if (!added)
      return failure();
    Builder attrs(&getContext());
    unsigned numArguments = added.getNumArguments();
    if (failed(added.insertArgument(numArguments, target,
                                    attrs.getDictionaryAttr(attrs.getNamedAttr(kNameAttr, attrs.getStringAttr("labels"))), added.getLoc())))
      return failure();
    Operation *terminator = added.getBody().front().getTerminator();
    OpBuilder builder(terminator);
    Value value = kind.buildLoss(builder, terminator->getLoc(), terminator->getOperand(result), added.getArgument(numArguments));
    terminator->insertOperands(0, value);
    return added.insertResult(0, value.getType(), attrs.getDictionaryAttr(attrs.getNamedAttr(kNameAttr, attrs.getStringAttr("loss"))));
  }
};
} // namespace
} // namespace mlir::lowbit
