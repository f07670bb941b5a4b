//===- ParametrizeWeights.cpp - what is rounded in place of a weight ------===//
// Law: the function as it was, called with what `derived` gives, gives what the function gives.

#include "lowbit/Conversion/BlockView.h"
#include "lowbit/Formats/Build.h"
#include "lowbit/IR/Lowbit.h"
#include "lowbit/Losses/Build.h"
#include "lowbit/Recipes/Recipe.h"
#include "lowbit/Training/Parameters.h"
#include "lowbit/Training/Passes.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "llvm/Support/GlobPattern.h"

namespace mlir::lowbit {
#define GEN_PASS_DEF_PARAMETRIZEWEIGHTSPASS
#include "lowbit/Training/Passes.h.inc"

namespace {

constexpr StringLiteral kDerived = "derived";
/// What rounds a parametrized weight.
constexpr StringLiteral kEstimator = "identity";
/// The smallest scale that is computed: that of a trained one (`lowbit-add-optimizer`).
constexpr double kSmallestScale = 0x1p-20;

/// One of the option's rules; without a pattern it is for all weights that it fits.
struct Rule {
  StringRef text;
  std::optional<llvm::GlobPattern> pattern;
  ParametrizationAttrInterface form;
  bool used = false;
};

/// A weight whose rounding changes.
struct Rounded {
  FakeQuantOp op;
  SchemeAttr scheme;
  Value weight; ///< The parameter, or what another pass computes from it.
  BlockArgument scale;
  std::string name; ///< Of the parameter.
  ParametrizationAttrInterface form;
};

/// The weight that is rounded instead, and its scale.
struct Derived {
  Value weight, scale;
};

/// Makes the result of the op that gives `value` count as a constant.
Value detach(OpBuilder &b, Value value) {
  value.getDefiningOp()->setAttr(kDetachedAttr, b.getUnitAttr());
  return value;
}

/// Squeezed scales of which each is `body` of the elements of `inputs` at its place. Null, and no op, where `body` gives null.
Value buildForScales(OpBuilder &b, Location loc, ValueRange inputs, ElementBuilder body) {
  SmallVector<AffineMap> maps(inputs.size() + 1, b.getMultiDimIdentityMap(cast<RankedTensorType>(inputs[0].getType()).getRank()));
  bool exists = true;
  Value result = buildGeneric(b, loc, inputs, buildEmptyLike(b, loc, inputs[0], b.getF32Type()), maps,
                              [&](OpBuilder &nested, Location at, ValueRange args) -> Value {
                                Value value = body(nested, at, args.drop_back());
                                exists = static_cast<bool>(value);
                                return exists ? value : args[0];
                              });
  if (exists)
    return result;
  result.getDefiningOp()->erase();
  return {};
}

/// The statistics of `weight`, split by `view`, one for each scale.
SmallVector<Value> buildStatistics(OpBuilder &b, Location loc, ParametrizationAttrInterface form, BlockView &view, Value weight,
                                   double count) {
  SmallVector<Value> statistics;
  SmallVector<Reduction> reductions = form.getStatistics();
  for (unsigned index = 0, e = reductions.size(); index != e; ++index) {
    Value zero = arith::ConstantOp::create(b, loc, b.getF32FloatAttr(0));
    Value init = linalg::FillOp::create(b, loc, zero, view.buildEmptyScales(b.getF32Type())).getResult(0);
    SmallVector<Value> inputs{weight};
    llvm::append_range(inputs, statistics);
    SmallVector<AffineMap> maps(inputs.size() + 1, view.getScaleMap());
    maps[0] = view.getElementMap();
    Value statistic = buildGeneric(b, loc, inputs, init, maps, [&](OpBuilder &nested, Location at, ValueRange args) -> Value {
      Value elements = buildRealLike(nested, at, count, args[0]);
      Value term = form.buildTerm(nested, at, index, args[0], args.slice(1, index), elements);
      if (reductions[index] == Reduction::Max)
        return arith::MaximumFOp::create(nested, at, args.back(), term);
      return arith::AddFOp::create(nested, at, args.back(), term, arith::FastMathFlags::reassoc);
    });
    statistics.push_back(form.followsScale() ? statistic : detach(b, statistic));
  }
  return statistics;
}

Derived build(OpBuilder &b, Location loc, ParametrizationAttrInterface form, SchemeAttr scheme, Value weight, Value scale) {
  auto type = cast<RankedTensorType>(weight.getType());
  double count = scheme.getBlockElements(type.getShape());
  BlockView view(b, loc, scheme, weight);
  Value split = view.split(weight);
  SmallVector<Value> statistics = buildStatistics(b, loc, form, view, split, count);
  Value used = buildForScales(b, loc, statistics, [&](OpBuilder &nested, Location at, ValueRange args) -> Value {
    Value value = form.buildScale(nested, at, args, buildRealLike(nested, at, count, args[0]));
    return value ? arith::MaximumFOp::create(nested, at, value, buildRealLike(nested, at, kSmallestScale, value)).getResult() : value;
  });
  if (used)
    scale = view.unsqueeze(form.followsScale() ? used : detach(b, used), scale.getType());
  else
    used = view.squeeze(scale);

  SmallVector<Value> inputs(statistics);
  inputs.push_back(used);
  Value factor = buildForScales(b, loc, inputs, [&](OpBuilder &nested, Location at, ValueRange args) -> Value {
    Value elements = buildRealLike(nested, at, count, args[0]);
    return form.buildFactor(nested, at, args.drop_back(), elements, args.back(), scheme.getFormat().getLargest());
  });
  if (!factor)
    return {weight, scale};
  Value result = buildGeneric(b, loc, {split, detach(b, factor)}, buildEmptyLike(b, loc, split, type.getElementType()),
                              {view.getElementMap(), view.getScaleMap(), view.getElementMap()},
                              [&](OpBuilder &nested, Location at, ValueRange args) -> Value {
                                return arith::MulFOp::create(nested, at, form.buildElement(nested, at, args[0]), args[1]);
                              });
  return {view.merge(result, type), scale};
}

struct ParametrizeWeightsPass final : impl::ParametrizeWeightsPassBase<ParametrizeWeightsPass> {
  using ParametrizeWeightsPassBase::ParametrizeWeightsPassBase;

  void runOnOperation() override {
    if (failed(parametrize()))
      signalPassFailure();
  }

private:
  LogicalResult parametrize() {
    func::FuncOp model = findFunction(getOperation(), function);
    if (!model)
      return failure();
    FailureOr<SmallVector<Rule>> parsed = parseRules(model);
    if (failed(parsed))
      return failure();
    SmallVector<Rounded> weights;
    for (auto op : model.getBody().front().getOps<FakeQuantOp>())
      if (failed(choose(model, op, *parsed, weights)))
        return failure();
    for (const Rule &rule : *parsed)
      if (!rule.used)
        return model.emitError() << "no weight takes `" << rule.text
                                 << "`; expected a glob over names such as `fc1.weight`, and a format that "
                                 << "it fits";
    if (failed(addDerived(model, weights)))
      return failure();
    for (Rounded &each : weights) {
      OpBuilder builder(each.op);
      Derived derived = build(builder, each.op.getLoc(), each.form, each.scheme, each.weight, each.scale);
      each.op.getInputMutable().assign(derived.weight);
      each.op.getScalesMutable().assign(derived.scale);
      each.op.setEstimatorAttr(cast<EstimatorAttrInterface>(LowbitDialect::parsePolicy(&getContext(), kEstimator)));
      // By its operands it is not known any more.
      each.op->setAttr(kNameAttr, builder.getStringAttr(each.name));
      if (derived.scale != each.scale)
        model.removeArgAttr(each.scale.getArgNumber(), kParameterAttr);
    }
    return success();
  }

  FailureOr<SmallVector<Rule>> parseRules(func::FuncOp model) {
    SmallVector<Rule> parsed;
    for (const std::string &text : rules) {
      // A rule's own parameters have `=`, too, behind `<`.
      size_t split = StringRef(text).find_first_of("=<");
      bool named = split != StringRef::npos && text[split] == '=';
      StringRef form = named ? StringRef(text).drop_front(split + 1) : StringRef(text);
      Rule rule{text, std::nullopt, dyn_cast_or_null<ParametrizationAttrInterface>(LowbitDialect::parsePolicy(&getContext(), form))};
      if (!rule.form)
        return model.emitError() << "there is no parametrization `" << form
                                 << "`; expected one such as `xnor`, `twn`, `ttq` or `dorefa` (docs/Lowbit.md)";
      if (named) {
        llvm::Expected<llvm::GlobPattern> glob = RecipeRule::compilePattern(StringRef(text).take_front(split));
        if (!glob)
          return model.emitError() << "`" << text << "` has no pattern: " << llvm::toString(glob.takeError());
        rule.pattern = std::move(*glob);
      }
      parsed.push_back(std::move(rule));
    }
    if (parsed.empty())
      return model.emitError() << "there are no `rules`; expected at least one, such as `twn`";
    return parsed;
  }

  /// The name of the weight that `op` rounds, as it is or as `lowbit-train-batch-norm` multiplies it; empty for anything else.
  static std::string getWeightName(func::FuncOp model, FakeQuantOp op) {
    auto named = op->getAttrOfType<StringAttr>(kNameAttr);
    auto weight = dyn_cast<BlockArgument>(op.getInput());
    for (unsigned i = 0, e = model.getNumArguments(); i != e; ++i) {
      auto kind = model.getArgAttrOfType<StringAttr>(i, kParameterAttr);
      bool isRounded = weight ? weight == model.getArgument(i) : named && named.getValue() == getPortName(model, i);
      if (kind && kind.getValue() == kWeight && isRounded)
        return getPortName(model, i);
    }
    return {};
  }

  /// Appends `op` to `weights` if it rounds a weight that a rule is for.
  static LogicalResult choose(func::FuncOp model, FakeQuantOp op, MutableArrayRef<Rule> rules, SmallVectorImpl<Rounded> &weights) {
    Value weight = op.getInput();
    std::string name = getWeightName(model, op), reason;
    if (name.empty())
      return success();
    for (Rule &rule : rules) {
      if (rule.pattern && !rule.pattern->match(name))
        continue;
      bool fits = rule.form.fitsFormat(op.getScheme().getFormat(), reason);
      if (!fits && !rule.pattern)
        continue;
      if (!fits)
        return op.emitOpError() << "rounds `" << name << "` to " << op.getScheme().getFormat() << ", which `" << rule.text
                                << "` does not fit: " << reason;
      auto scale = dyn_cast<BlockArgument>(op.getScales());
      if (op.getZeros() || !scale || !model.getArgAttr(scale.getArgNumber(), kParameterAttr))
        return op.emitOpError() << "rounds `" << name << "` by " << (op.getZeros() ? "zero points" : "a scale that is no parameter")
                                << "; expected a scale that is a parameter, without zero points, for `" << rule.text << "`";
      if (!weight.hasOneUse() || !scale.hasOneUse())
        return op.emitOpError() << "rounds `" << name
                                << "`, which, or whose scale, is read elsewhere besides; expected a weight of its own for `" << rule.text
                                << "`";
      rule.used = true;
      weights.push_back({op, op.getScheme(), weight, scale, name, rule.form});
      return success();
    }
    return success();
  }

  /// The function that gives weights and scales as they are deployed: a new one, or the one that gives what is rounded here, in whose
  /// results' places the new values are put.
  LogicalResult addDerived(func::FuncOp model, ArrayRef<Rounded> weights) {
    auto derived = getOperation().lookupSymbol<func::FuncOp>(kDerived);
    OpBuilder builder(model);
    Location loc = model.getLoc();
    if (!derived) {
      derived = func::FuncOp::create(builder, loc, kDerived, builder.getFunctionType({}, {}));
      builder.setInsertionPointToStart(derived.addEntryBlock());
      func::ReturnOp::create(builder, loc);
    }
    Operation *terminator = derived.getBody().front().getTerminator();
    builder.setInsertionPoint(terminator);
    for (const Rounded &each : weights) {
      bool isComputed = !isa<BlockArgument>(each.weight);
      std::optional<unsigned> result = findResult(derived, each.name);
      if (isComputed != result.has_value())
        return model.emitError() << "the module has `" << kDerived << "` already, which gives " << (isComputed ? "no `" : "`") << each.name
                                 << "`; expected one from `lowbit-train-batch-norm`, or none";
      FailureOr<Value> weight = result ? FailureOr<Value>(terminator->getOperand(*result)) : addArgument(derived, each.weight, each.name);
      std::string scaleName = getPortName(model, each.scale.getArgNumber());
      FailureOr<Value> scale = addArgument(derived, each.scale, scaleName);
      if (failed(weight) || failed(scale))
        return failure();
      Derived values = build(builder, loc, each.form, each.scheme, *weight, *scale);
      // What is rounded would not shrink with the ratio that batch norm multiplies by, and sums divided by it would grow without end.
      if (isComputed && values.scale == *scale)
        return each.op->emitOpError() << "rounds `" << each.name
                                      << "`, which batch norm multiplies, by a scale that is trained; expected a rule "
                                      << "whose scale follows the weight, such as `twn` or `xnor`, or batch norm that stays folded";
      if (result)
        terminator->setOperand(*result, values.weight);
      else if (failed(appendResult(derived, values.weight, each.name)))
        return failure();
      if (failed(appendResult(derived, values.scale, scaleName)))
        return failure();
    }
    return success();
  }

  static std::optional<unsigned> findResult(func::FuncOp derived, StringRef name) {
    for (unsigned i = 0, e = derived.getNumResults(); i != e; ++i)
      if (auto found = derived.getResultAttrOfType<StringAttr>(i, kNameAttr); found && found.getValue() == name)
        return i;
    return std::nullopt;
  }

  static FailureOr<Value> addArgument(func::FuncOp derived, Value like, StringRef name) {
    Builder b(derived.getContext());
    unsigned index = derived.getNumArguments();
    auto named = b.getDictionaryAttr(b.getNamedAttr(kNameAttr, b.getStringAttr(name)));
    if (failed(derived.insertArgument(index, like.getType(), named, derived.getLoc())))
      return failure();
    return Value(derived.getArgument(index));
  }
};
} // namespace
} // namespace mlir::lowbit
