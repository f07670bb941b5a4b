//===- Differentiate.cpp - a function that computes gradients -------------===//
// Law: what the function returned it still returns; gradients have the same bits whatever is kept and whatever is computed again.

#include "Rematerialize.h"
#include "lowbit/IR/Lowbit.h"
#include "lowbit/IR/Remarks.h"
#include "lowbit/Training/Gradients.h"
#include "lowbit/Training/Parameters.h"
#include "lowbit/Training/Passes.h"
#include "lowbit/Training/Register.h"
#include "lowbit/Transforms/DecomposeSoftmax.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

namespace mlir::lowbit {
#define GEN_PASS_DEF_DIFFERENTIATEPASS
#include "lowbit/Training/Passes.h.inc"

namespace {
struct DifferentiatePass final : impl::DifferentiatePassBase<DifferentiatePass> {
  using DifferentiatePassBase::DifferentiatePassBase;

  void getDependentDialects(DialectRegistry &registry) const override {
    DifferentiatePassBase::getDependentDialects(registry);
    registerDerivatives(registry);
  }

  void runOnOperation() override {
    if (failed(differentiate()))
      signalPassFailure();
  }

private:
  LogicalResult differentiate() {
    func::FuncOp primal = findFunction(getOperation(), function);
    if (!primal)
      return failure();
    auto type = primal.getNumResults() == 0 ? RankedTensorType() : dyn_cast<RankedTensorType>(primal.getResultTypes()[0]);
    if (!type || type.getRank() != 0 || !isa<FloatType>(type.getElementType()))
      return primal.emitError() << "`" << function << "` cannot be differentiated: its first result is "
                                << (primal.getNumResults() == 0 ? Type(NoneType::get(&getContext())) : primal.getResultTypes()[0])
                                << ", not a scalar; expected a loss of type `tensor<f32>` (`lowbit-add-loss` makes one)";
    if (rematerialize != "cost" && rematerialize != "never" && rematerialize != "always")
      return primal.emitError() << "`rematerialize` is `" << rematerialize << "`; expected `cost`, `never` or `always`";
    if (budget < 0 || (budget != 0 && rematerialize != "cost"))
      return primal.emitError() << "`budget` is " << budget.getValue() << " and `rematerialize` is `" << rematerialize
                                << "`; expected bytes above 0, by `cost`, which alone chooses";
    FailureOr<SmallVector<unsigned>> arguments = getArguments(primal);
    if (failed(arguments))
      return failure();
    func::FuncOp added = cloneAs(primal, name.empty() ? function + "_gradients" : name.getValue());
    if (!added)
      return failure();
    if (succeeded(build(added, *arguments)))
      return success();
    added.erase();
    return failure();
  }

  FailureOr<SmallVector<unsigned>> getArguments(func::FuncOp primal) {
    SmallVector<unsigned> arguments;
    llvm::StringSet<> left;
    for (const std::string &each : wrt)
      left.insert(each);
    for (unsigned i = 0, e = primal.getNumArguments(); i != e; ++i) {
      if (wrt.empty() ? !primal.getArgAttr(i, kParameterAttr) : !left.erase(getPortName(primal, i)))
        continue;
      auto type = dyn_cast<RankedTensorType>(primal.getArgument(i).getType());
      if (!type || !isa<FloatType>(type.getElementType()))
        return primal.emitError() << "`" << getPortName(primal, i) << "` is of type " << primal.getArgument(i).getType()
                                  << ", by which nothing can be differentiated; expected a tensor of floats";
      arguments.push_back(i);
    }
    if (!left.empty())
      return primal.emitError() << "`" << function << "` has no argument `" << left.begin()->getKey()
                                << "`; expected the names of its arguments";
    if (arguments.empty())
      return primal.emitError() << "`" << function
                                << "` has no parameter; name arguments by `wrt`, or run `lowbit-extract-parameters` first";
    return arguments;
  }

  LogicalResult build(func::FuncOp added, ArrayRef<unsigned> arguments) {
    if (failed(decomposeSoftmax(added)))
      return failure();
    Block &body = added.getBody().front();
    Operation *terminator = body.getTerminator();
    OpBuilder builder(terminator);
    Location loc = added.getLoc();
    SmallVector<Operation *> ops;
    for (Operation &op : body.without_terminator())
      ops.push_back(&op);
    Gradients gradients;
    for (unsigned i : arguments)
      gradients.activate(added.getArgument(i));
    gradients.propagate(ops);
    Value loss = terminator->getOperand(0);
    if (!gradients.isActive(loss))
      return added.emitError() << "the loss depends on nothing that is differentiated by";
    auto type = cast<RankedTensorType>(loss.getType());
    gradients.add(builder, loc, loss,
                  arith::ConstantOp::create(
                      builder, loc, DenseElementsAttr::get(type, static_cast<Attribute>(builder.getFloatAttr(type.getElementType(), 1)))));
    if (failed(buildReverse(builder, ops, gradients)))
      return failure();
    for (unsigned i : arguments) {
      Value argument = added.getArgument(i), gradient = gradients.lookup(argument);
      std::string name = getPortName(added, i);
      if (!gradient) {
        added.emitRemark() << "the loss does not depend on `" << name << "`";
        gradient = buildZerosLike(builder, loc, argument);
      }
      unsigned index = added.getNumResults();
      terminator->insertOperands(index, gradient);
      if (failed(
              added.insertResult(index, gradient.getType(),
                                 builder.getDictionaryAttr(builder.getNamedAttr(kNameAttr, builder.getStringAttr(getGradientName(name)))))))
        return failure();
    }
    return keepValues(added, ops);
  }

  /// Chooses which values of the forward pass, `ops`, the backward pass reads, and which it computes again.
  LogicalResult keepValues(func::FuncOp added, ArrayRef<Operation *> ops) {
    if (rematerialize == "never")
      return success();
    llvm::DenseSet<Operation *> forward(ops.begin(), ops.end());
    Rematerializer rematerializer(added.getBody().front(), forward);
    int64_t before = rematerializer.countKept(), kept;
    if (budget != 0) {
      if (!rematerializer.chooseWithin(budget, kept))
        return added.emitError() << "the backward pass needs " << kept
                                 << " bytes of the forward pass that cannot be computed again; expected "
                                 << "a `budget` of at least that";
    } else
      kept = rematerializer.choose(rematerialize == "always" ? Rematerializer::kHighestPrice : 0);
    unsigned numOps = rematerializer.rewrite();
    remark::passed(added.getLoc(), getRemarkOptions("rematerialize", added))
        << remark::metric("ops", numOps) << remark::metric("bytes", kept) << remark::metric("before", before);
    return success();
  }
};
} // namespace
} // namespace mlir::lowbit
