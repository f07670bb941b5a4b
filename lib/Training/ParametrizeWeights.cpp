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
  BlockArgument weight, scale;
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
      each.op->setAttr(kNameAttr, builder.getStringAttr(getPortName(model, each.weight.getArgNumber())));
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

  /// Appends `op` to `weights` if it rounds a weight that a rule is for.
  static LogicalResult choose(func::FuncOp model, FakeQuantOp op, MutableArrayRef<Rule> rules, SmallVectorImpl<Rounded> &weights) {
    auto weight = dyn_cast<BlockArgument>(op.getInput());
    auto kind = weight ? model.getArgAttrOfType<StringAttr>(weight.getArgNumber(), kParameterAttr) : StringAttr();
    if (!kind || kind.getValue() != kWeight)
      return success();
    std::string name = getPortName(model, weight.getArgNumber()), reason;
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
      weights.push_back({op, op.getScheme(), weight, scale, rule.form});
      return success();
    }
    return success();
  }

  /// The function that gives weights and scales as they are deployed.
  LogicalResult addDerived(func::FuncOp model, ArrayRef<Rounded> weights) {
    if (getOperation().lookupSymbol(kDerived))
      return model.emitError() << "the module has `" << kDerived << "` already; expected that name to be free";
    OpBuilder builder(model);
    SmallVector<Type> types;
    for (const Rounded &each : weights)
      llvm::append_values(types, each.weight.getType(), each.scale.getType());
    Location loc = model.getLoc();
    auto added = func::FuncOp::create(builder, loc, kDerived, builder.getFunctionType(types, types));
    Block *block = added.addEntryBlock();
    builder.setInsertionPointToStart(block);
    SmallVector<Value> values;
    for (auto [i, each] : llvm::enumerate(weights)) {
      Derived derived = build(builder, loc, each.form, each.scheme, block->getArgument(2 * i), block->getArgument(2 * i + 1));
      llvm::append_values(values, derived.weight, derived.scale);
      for (unsigned k : {0, 1}) {
        std::string port = getPortName(model, (k == 0 ? each.weight : each.scale).getArgNumber());
        auto name = builder.getDictionaryAttr(builder.getNamedAttr(kNameAttr, builder.getStringAttr(port)));
        added.setArgAttrs(2 * i + k, name);
        added.setResultAttrs(2 * i + k, name);
      }
    }
    func::ReturnOp::create(builder, loc, values);
    return success();
  }
};
} // namespace
} // namespace mlir::lowbit
