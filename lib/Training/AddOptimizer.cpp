//===- AddOptimizer.cpp - a function that takes one step of training ------===//
// Law: new values come last, so that everything before reads the old ones.

#include "lowbit/IR/Lowbit.h"
#include "lowbit/Losses/Build.h"
#include "lowbit/Recipes/Recipe.h"
#include "lowbit/Training/Parameters.h"
#include "lowbit/Training/Passes.h"
#include "lowbit/Transforms/Sites.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "llvm/Support/GlobPattern.h"
#include <cmath>

namespace mlir::lowbit {
#define GEN_PASS_DEF_ADDOPTIMIZERPASS
#include "lowbit/Training/Passes.h.inc"

namespace {

/// The smallest magnitude of a trained scale: far below any that a weight or an activation needs, far above where division overflows.
constexpr float smallestScale = 1.0f / (1 << 20);

struct AddOptimizerPass final : impl::AddOptimizerPassBase<AddOptimizerPass> {
  using AddOptimizerPassBase::AddOptimizerPassBase;

  void runOnOperation() override {
    if (failed(add()))
      signalPassFailure();
  }

private:
  /// A parameter on its way through a step.
  struct Trained {
    unsigned argument;
    std::string name;
    StringRef kind;
    Value gradient;
    SmallVector<Value> states;
    double factor = 1;
  };

  /// What the rate of parameters whose names match is multiplied by.
  struct Rate {
    StringRef text;
    llvm::GlobPattern pattern;
    double factor;
    bool used = false;
  };

  LogicalResult add() {
    func::FuncOp gradients = findFunction(getOperation(), function);
    if (!gradients)
      return failure();
    auto kind = dyn_cast_or_null<OptimizerAttrInterface>(LowbitDialect::parsePolicy(&getContext(), optimizer));
    if (!kind)
      return gradients.emitError() << "there is no optimizer `" << optimizer
                                   << "`; expected one such as `adam`, `adam<decay = 0.01>` or `sgd<momentum = 0.9>` (docs/Lowbit.md)";
    if (!(clip >= 0) || !(scaleRate >= 0))
      return gradients.emitError() << "`clip` is " << clip << " and `scale-rate` " << scaleRate
                                   << "; expected numbers that are not negative";
    func::FuncOp added = cloneAs(gradients, name);
    if (!added)
      return failure();
    FailureOr<SmallVector<Trained>> parameters = takeGradients(added);
    if (failed(parameters) || failed(chooseRates(gradients, *parameters)) || failed(build(added, kind, *parameters)))
      return added.erase(), failure();
    return success();
  }

  /// Gives parameters the factor of the first of `rates` that matches.
  LogicalResult chooseRates(func::FuncOp gradients, MutableArrayRef<Trained> parameters) {
    SmallVector<Rate> parsed;
    for (const std::string &text : rates) {
      auto [pattern, number] = StringRef(text).rsplit('=');
      double factor;
      if (number.getAsDouble(factor) || !(factor >= 0 && std::isfinite(factor)))
        return gradients.emitError() << "rate `" << text
                                     << "`; expected PATTERN=FACTOR, such as `fc1.*=0.1`, with a factor that is not negative";
      llvm::Expected<llvm::GlobPattern> glob = RecipeRule::compilePattern(pattern);
      if (!glob)
        return gradients.emitError() << "rate `" << text << "` has no pattern: " << llvm::toString(glob.takeError());
      parsed.push_back({text, std::move(*glob), factor});
    }
    for (Trained &each : parameters) {
      auto matches = [&](const Rate &rate) { return rate.pattern.match(each.name); };
      if (auto rate = llvm::find_if(parsed, matches); rate != parsed.end())
        each.factor = rate->factor;
      for (Rate &rate : parsed)
        rate.used |= matches(rate);
    }
    for (const Rate &rate : parsed)
      if (!rate.used)
        return gradients.emitError() << "no parameter matches rate `" << rate.text << "`; expected a glob over names such as `fc1.weight`";
    return success();
  }

  /// Takes the gradients off the results of `added`.
  FailureOr<SmallVector<Trained>> takeGradients(func::FuncOp added) {
    Operation *terminator = added.getBody().front().getTerminator();
    llvm::StringMap<Value> found;
    BitVector erased(added.getNumResults());
    for (unsigned i = 0, e = added.getNumResults(); i != e; ++i)
      if (auto attr = added.getResultAttrOfType<StringAttr>(i, kNameAttr); attr && attr.getValue().starts_with(getGradientName(""))) {
        found[attr.getValue()] = terminator->getOperand(i);
        erased.set(i);
      }
    SmallVector<Trained> parameters;
    for (unsigned i = 0, e = added.getNumArguments(); i != e; ++i) {
      std::string name = getPortName(added, i);
      auto gradient = found.find(getGradientName(name));
      if (gradient == found.end())
        continue;
      auto kind = added.getArgAttrOfType<StringAttr>(i, kParameterAttr);
      parameters.push_back({i, name, kind ? kind.getValue() : StringRef(kOther), gradient->second, {}, 1});
    }
    if (parameters.empty())
      return added.emitError() << "returns no gradient of an argument; run `lowbit-differentiate` first";
    if (summed) {
      erased.set(); // the loss is of what is not computed here
      for (Trained &each : parameters) {
        auto name = NamedAttribute(StringAttr::get(&getContext(), kNameAttr), StringAttr::get(&getContext(), getGradientName(each.name)));
        unsigned index = added.getNumArguments();
        if (failed(added.insertArgument(index, each.gradient.getType(), DictionaryAttr::get(&getContext(), name), added.getLoc())))
          return failure();
        each.gradient = added.getArgument(index);
      }
    }
    terminator->eraseOperands(erased);
    if (failed(added.eraseResults(erased)))
      return failure();
    return parameters;
  }

  LogicalResult build(func::FuncOp added, OptimizerAttrInterface kind, MutableArrayRef<Trained> parameters) {
    Operation *terminator = added.getBody().front().getTerminator();
    OpBuilder builder(terminator);
    Location loc = added.getLoc();
    auto named = [&](StringRef name) { return builder.getDictionaryAttr(builder.getNamedAttr(kNameAttr, builder.getStringAttr(name))); };
    LogicalResult result = success();
    auto addArgument = [&](Type type, StringRef name) -> Value {
      unsigned index = added.getNumArguments();
      if (failed(added.insertArgument(index, type, named(name), loc)))
        result = failure();
      return added.getArgument(index);
    };
    for (Trained &each : parameters)
      for (unsigned state = 0, e = kind.getNumStates(); state != e; ++state)
        each.states.push_back(addArgument(each.gradient.getType(), getStateName(state, each.name)));
    auto scalar = RankedTensorType::get({}, builder.getF32Type());
    Value rate = tensor::ExtractOp::create(builder, loc, addArgument(scalar, "rate"), ValueRange());
    Value step = tensor::ExtractOp::create(builder, loc, addArgument(scalar, "step"), ValueRange());
    if (failed(result))
      return failure();
    SmallVector<Value> factors = kind.buildFactors(builder, loc, step);
    Value shrink = clip > 0 ? buildClip(builder, loc, parameters) : Value();
    auto multiply = [&](double factor) -> Value {
      return arith::MulFOp::create(builder, loc, rate,
                                   arith::ConstantOp::create(builder, loc, builder.getF32FloatAttr(static_cast<float>(factor))));
    };
    SmallVector<Value> owns;
    for (const Trained &each : parameters) {
      double share = each.kind == kScale ? scaleRate * each.factor : each.factor;
      owns.push_back(share == 1 ? rate : multiply(share));
    }
    for (auto [each, own] : llvm::zip_equal(parameters, owns)) {
      SmallVector<Value> values = buildUpdate(builder, added.getArgument(each.argument), each, kind, factors, own, shrink);
      for (auto [i, value] : llvm::enumerate(values)) {
        std::string name = i == 0 ? each.name : getStateName(i - 1, each.name);
        if (failed(appendResult(added, value, name, /*updates=*/true)))
          return failure();
      }
    }
    return success();
  }

  /// min(1, clip / norm of all gradients).
  Value buildClip(OpBuilder &builder, Location loc, ArrayRef<Trained> parameters) {
    Value sum;
    for (const Trained &each : parameters) {
      Value part = buildSquares(builder, loc, each.gradient);
      sum = sum ? arith::AddFOp::create(builder, loc, sum, part).getResult() : part;
    }
    Value norm = math::SqrtOp::create(builder, loc, sum);
    Value longest = arith::ConstantOp::create(builder, loc, builder.getF32FloatAttr(static_cast<float>(clip)));
    Value one = arith::ConstantOp::create(builder, loc, builder.getF32FloatAttr(1));
    Value isLong = arith::CmpFOp::create(builder, loc, arith::CmpFPredicate::OGT, norm, longest);
    return arith::SelectOp::create(builder, loc, isLong, arith::DivFOp::create(builder, loc, longest, norm), one);
  }

  /// `scale`, but not on the other side of zero than `old`, nor nearer to it than the smallest scale.
  static Value buildScaleBound(OpBuilder &b, Location loc, Value scale, Value old) {
    Value zero = arith::ConstantOp::create(b, loc, b.getF32FloatAttr(0));
    Value least = arith::ConstantOp::create(b, loc, b.getF32FloatAttr(smallestScale));
    Value above = arith::MaximumFOp::create(b, loc, scale, least);
    Value below = arith::MinimumFOp::create(b, loc, scale, arith::NegFOp::create(b, loc, least));
    return arith::SelectOp::create(b, loc, arith::CmpFOp::create(b, loc, arith::CmpFPredicate::OLT, old, zero), below, above);
  }

  /// The sum of squares of all elements, f32.
  static Value buildSquares(OpBuilder &builder, Location loc, Value value) {
    Value sum = buildSumOf(
        builder, loc, value, cast<RankedTensorType>(value.getType()).getRank(),
        [](OpBuilder &b, Location nested, ValueRange args) -> Value { return arith::MulFOp::create(b, nested, args[0], args[0]); });
    return tensor::ExtractOp::create(builder, loc, sum, ValueRange());
  }

  /// `rate * |parameter| / |change|`; `rate` where one of them is 0.
  static Value buildRateByNorm(OpBuilder &builder, Location loc, Value parameter, Value change, Value rate) {
    Value zero = arith::ConstantOp::create(builder, loc, builder.getF32FloatAttr(0));
    Value size = math::SqrtOp::create(builder, loc, buildSquares(builder, loc, parameter));
    Value length = math::SqrtOp::create(builder, loc, buildSquares(builder, loc, change));
    Value hasSize = arith::CmpFOp::create(builder, loc, arith::CmpFPredicate::OGT, size, zero);
    Value hasLength = arith::CmpFOp::create(builder, loc, arith::CmpFPredicate::OGT, length, zero);
    Value scaled = arith::MulFOp::create(builder, loc, rate, arith::DivFOp::create(builder, loc, size, length));
    return arith::SelectOp::create(builder, loc, arith::AndIOp::create(builder, loc, hasSize, hasLength), scaled, rate);
  }

  static Value buildStep(OpBuilder &b, Location loc, Value old, Value rate, Value change) {
    return arith::SubFOp::create(b, loc, old, arith::MulFOp::create(b, loc, rate, change));
  }

  /// The new parameter, then its states.
  static SmallVector<Value> buildUpdate(OpBuilder &builder, Value parameter, const Trained &trained, OptimizerAttrInterface kind,
                                        ValueRange factors, Value rate, Value shrink) {
    Location loc = parameter.getLoc();
    bool byNorm = kind.followsNorm() && trained.kind == kWeight;
    auto type = cast<RankedTensorType>(parameter.getType());
    // The old values are where the new ones go; what a norm is taken of has to be whole before the parameter changes.
    SmallVector<Value> inputs{trained.gradient}, olds{parameter};
    if (byNorm) {
      inputs.push_back(parameter);
      olds[0] = tensor::EmptyOp::create(builder, loc, type.getShape(), type.getElementType());
    }
    llvm::append_range(olds, trained.states);
    SmallVector<AffineMap> maps(inputs.size() + olds.size(), builder.getMultiDimIdentityMap(type.getRank()));
    SmallVector<utils::IteratorType> iterators(type.getRank(), utils::IteratorType::parallel);
    SmallVector<Type> types(olds.size(), type);
    auto update =
        linalg::GenericOp::create(builder, loc, types, inputs, olds, maps, iterators, [&](OpBuilder &b, Location nested, ValueRange args) {
          Value gradient = shrink ? arith::MulFOp::create(b, nested, args[0], shrink).getResult() : args[0];
          SmallVector<Value> values = kind.buildUpdate(b, nested, args[1], gradient, args.take_back(trained.states.size()), factors,
                                                       /*decays=*/trained.kind == kWeight);
          if (!byNorm)
            values[0] = buildStep(b, nested, args[1], rate, values[0]);
          if (trained.kind == kScale)
            values[0] = buildScaleBound(b, nested, values[0], args[1]);
          linalg::YieldOp::create(b, nested, values);
        });
    SmallVector<Value> results(update.getResults().begin(), update.getResults().end());
    if (byNorm) {
      Value own = buildRateByNorm(builder, loc, parameter, results[0], rate);
      results[0] = linalg::GenericOp::create(builder, loc, TypeRange{type}, results[0], parameter, ArrayRef(maps).take_front(2), iterators,
                                             [&](OpBuilder &b, Location nested, ValueRange args) {
                                               linalg::YieldOp::create(b, nested, buildStep(b, nested, args[1], own, args[0]));
                                             })
                       .getResult(0);
    }
    return results;
  }
};
} // namespace
} // namespace mlir::lowbit
