//===- AddRoundingLoss.cpp - learned roundings are made to decide ---------===//

#include "NamePatterns.h"
#include "Rounding.h"
#include "lowbit/Losses/Build.h"
#include "lowbit/Training/Parameters.h"
#include "lowbit/Training/Passes.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

namespace mlir::lowbit {
#define GEN_PASS_DEF_ADDROUNDINGLOSSPASS
#include "lowbit/Training/Passes.h.inc"

namespace {
/// Keeps the slope of a power finite at zero.
constexpr float kSmallest = 1e-8f;

struct AddRoundingLossPass final : impl::AddRoundingLossPassBase<AddRoundingLossPass> {
  using AddRoundingLossPassBase::AddRoundingLossPassBase;

  void runOnOperation() override {
    if (failed(add()))
      signalPassFailure();
  }

private:
  LogicalResult add() {
    func::FuncOp target = findFunction(getOperation(), function);
    if (!target)
      return failure();
    auto scalar = RankedTensorType::get({}, Float32Type::get(&getContext()));
    if (target.getNumResults() == 0 || target.getResultTypes()[0] != scalar)
      return target.emitError() << "`" << function << "` gives no loss; expected a first result of type " << scalar;
    FailureOr<SmallVector<Value>> variables = findVariables(target);
    if (failed(variables))
      return failure();

    Operation *terminator = target.getBody().front().getTerminator();
    OpBuilder builder(terminator);
    Location loc = target.getLoc();
    Value added[2];
    for (auto [argument, name] : llvm::zip_equal(added, ArrayRef<StringRef>{"beta", "regularization"})) {
      unsigned index = target.getNumArguments();
      auto attrs = builder.getDictionaryAttr(builder.getNamedAttr(kNameAttr, builder.getStringAttr(name)));
      if (failed(target.insertArgument(index, scalar, attrs, loc)))
        return failure();
      argument = target.getArgument(index);
    }
    auto [beta, weight] = added;
    Value exponent = tensor::ExtractOp::create(builder, loc, beta, ValueRange());
    SmallVector<Value> parts{terminator->getOperand(0), weight};
    for (Value variable : *variables)
      parts.push_back(buildMean(builder, loc, buildMap(builder, loc, variable, [&](OpBuilder &b, Location nested, ValueRange args) {
                                  return buildIndecision(b, nested, args[0], exponent);
                                })));
    terminator->setOperand(0, buildMap(builder, loc, parts, [](OpBuilder &b, Location nested, ValueRange args) -> Value {
                             Value sum = args[2];
                             for (Value each : args.drop_front(3))
                               sum = arith::AddFOp::create(b, nested, sum, each);
                             return arith::AddFOp::create(b, nested, args[0], arith::MulFOp::create(b, nested, args[1], sum));
                           }));
    return success();
  }

  FailureOr<SmallVector<Value>> findVariables(func::FuncOp target) {
    FailureOr<NamePatterns> patterns = NamePatterns::parse(target, sites);
    if (failed(patterns))
      return failure();
    SmallVector<Value> variables;
    for (linalg::GenericOp op : target.getBody().front().getOps<linalg::GenericOp>()) {
      StringAttr site = getSoftenedSite(op);
      if (site && isa<BlockArgument>(op.getDpsInputs()[kVariable]) && patterns->match(site.getValue()))
        variables.push_back(op.getDpsInputs()[kVariable]);
    }
    if (variables.empty())
      return target.emitError() << "`" << function << "` has no rounding that is learned at these sites; run `lowbit-soften-rounding` and "
                                << "`lowbit-extract-parameters` first";
    return variables;
  }

  /// `1 - |2 h(v) - 1|^beta`: one halfway, zero where it is decided.
  static Value buildIndecision(OpBuilder &builder, Location loc, Value variable, Value exponent) {
    auto real = [&](float value) -> Value { return arith::ConstantOp::create(builder, loc, builder.getF32FloatAttr(value)); };
    Value doubled = arith::MulFOp::create(builder, loc, buildHeight(builder, loc, variable), real(2));
    Value distance = math::AbsFOp::create(builder, loc, arith::SubFOp::create(builder, loc, doubled, real(1)));
    Value power = math::PowFOp::create(builder, loc, arith::AddFOp::create(builder, loc, distance, real(kSmallest)), exponent);
    return arith::SubFOp::create(builder, loc, real(1), power);
  }
};
} // namespace
} // namespace mlir::lowbit
