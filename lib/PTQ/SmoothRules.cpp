//===- SmoothRules.cpp - sites whose rule says `smooth` -------------------===//
//
// Law: (x * f) (w / f) == x w, channel by channel; all linears that read one activation share its factors.
//
//===----------------------------------------------------------------------===//

#include "SmoothRules.h"
#include "ChannelScaling.h"
#include "lowbit/Calibration/Statistics.h"
#include "lowbit/Recipes/Recipe.h"
#include "lowbit/Transforms/Constants.h"
#include "lowbit/Transforms/Sites.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "llvm/ADT/MapVector.h"
#include <cmath>

namespace mlir::lowbit {
namespace {

/// A linear with its two operands.
struct Linear {
  QuantizableOpInterface op;
  QuantizableOperand activation, weight;
  StringRef site;
};

/// Linears that read one activation, and how strongly it is smoothed.
struct Group {
  SmallVector<Linear, 0> linears;
  double strength = 0;
};

class RuleSmoother {
public:
  explicit RuleSmoother(ModuleOp module) : module(module) {}

  LogicalResult run(StringRef recipe, StringRef statisticsPath) {
    FailureOr<Recipe> loaded = Recipe::load(recipe, module.getLoc());
    llvm::MapVector<Value, Group> groups;
    if (failed(loaded) || failed(collect(*loaded, groups)))
      return failure();
    if (groups.empty())
      return success();
    if (statisticsPath.empty())
      return emitError(module.getLoc()) << "recipe `" << loaded->name
                                        << "` smooths activations, which needs statistics; calibrate first, and give `stats`";
    llvm::Expected<Statistics> statistics = Statistics::load(statisticsPath, module.getContext());
    if (!statistics)
      return emitError(module.getLoc()) << llvm::toString(statistics.takeError());
    if (failed(statistics->verifyModel(module, [&] { return emitError(module.getLoc()); })))
      return failure();
    for (auto &[value, group] : groups)
      if (failed(smooth(value, group, *statistics)))
        return failure();
    return success();
  }

private:
  LogicalResult collect(const Recipe &loaded, llvm::MapVector<Value, Group> &groups) {
    SiteEnds ends(module);
    WalkResult result = module->walk([&](QuantizableOpInterface op) -> WalkResult {
      auto site = op->getAttrOfType<StringAttr>(kSiteAttr);
      std::string reason;
      SmallVector<QuantizableOperand> operands = op.getQuantizableOperands(reason);
      const RecipeRule *rule = site ? loaded.findRule(site, op.getSiteKind(), ends.contains(op)) : nullptr;
      if (!rule || !rule->activation || rule->activation->smooth == 0 || operands.size() != 2)
        return WalkResult::advance();
      bool activationFirst = operands[0].role == OperandRole::Activation;
      Linear linear{op, operands[activationFirst ? 0 : 1], operands[activationFirst ? 1 : 0], site.getValue()};
      if (linear.weight.role != OperandRole::Weight || linear.activation.reducedAxes.size() != 1 || linear.weight.reducedAxes.size() != 1 ||
          !getElementTypeOrSelf(linear.activation.operand->get()).isF32() || !getElementTypeOrSelf(linear.weight.operand->get()).isF32())
        return op->emitOpError() << "site `" << site.getValue()
                                 << "` cannot be smoothed: expected one f32 activation and one f32 weight that share one "
                                    "summed axis; remove `smooth` from its rule";
      Group &group = groups[linear.activation.operand->get()];
      group.strength = std::max(group.strength, rule->activation->smooth);
      group.linears.push_back(linear);
      return WalkResult::advance();
    });
    return failure(result.wasInterrupted());
  }

  LogicalResult smooth(Value activation, Group &group, const Statistics &statistics) {
    Linear &first = group.linears.front();
    int64_t axis = first.activation.reducedAxes.front();
    FailureOr<std::vector<double>> spread = readSpread(statistics, first.op, first.site, first.activation);
    if (failed(spread))
      return failure();
    std::vector<double> weightSpread(spread->size(), kSmallestSpread);
    std::vector<PagedVector<float>> weights; // of all linears, which together may be many layers
    for (Linear &linear : group.linears)
      if (failed(readWeight(linear, weights.emplace_back(), weightSpread)))
        return failure();
    std::vector<float> factors = computeSmoothing(*spread, weightSpread, group.strength);
    rewrite(activation, axis, group, factors, weights);
    return success();
  }

  /// Reads a weight and widens `spread` by its largest magnitude in each channel.
  LogicalResult readWeight(Linear &linear, PagedVector<float> &weight, std::vector<double> &spread) {
    ElementsAttr elements = getConstantElements(linear.weight.operand->get());
    if (!elements)
      return linear.op->emitOpError() << "weight of site `" << linear.site << "` is not a constant";
    FailureOr<std::vector<float>> read = readReals(linear.op, elements);
    if (failed(read))
      return failure();
    weight.assign(read->begin(), read->end());
    forEachChannel(linear, [&](size_t index, int64_t channel) {
      spread[channel] = std::max(spread[channel], std::fabs(static_cast<double>(weight[index])));
    });
    return success();
  }

  /// Calls `visit` with the flat index and the channel of every element of the linear's weight.
  static void forEachChannel(Linear &linear, function_ref<void(size_t, int64_t)> visit) {
    auto type = cast<RankedTensorType>(linear.weight.operand->get().getType());
    int64_t axis = linear.weight.reducedAxes.front(), inner = 1;
    for (int64_t size : type.getShape().drop_front(axis + 1))
      inner *= size;
    int64_t channels = type.getDimSize(axis), count = type.getNumElements();
    for (int64_t index = 0; index < count; ++index)
      visit(index, index / inner % channels);
  }

  void rewrite(Value activation, int64_t axis, Group &group, const std::vector<float> &factors, std::vector<PagedVector<float>> &weights) {
    OpBuilder builder(module.getContext());
    builder.setInsertionPointAfterValue(activation);
    Location loc = activation.getLoc();
    Value scaled = buildScaled(builder, loc, activation, axis, factors);
    for (auto [linear, weight] : llvm::zip_equal(group.linears, weights)) {
      builder.setInsertionPoint(linear.op);
      forEachChannel(linear, [&, &weight = weight](size_t index, int64_t channel) { weight[index] /= factors[channel]; });
      Value old = linear.weight.operand->get();
      auto type = cast<RankedTensorType>(old.getType());
      ArrayRef<char> bytes(reinterpret_cast<const char *>(weight.data()), weight.size() * sizeof(float));
      auto key = (getResourceKey(getConstantElements(old), linear.site) + ".smooth").str();
      linear.weight.operand->set(arith::ConstantOp::create(builder, old.getLoc(), type, cast<TypedAttr>(buildElements(type, bytes, key))));
      linear.activation.operand->set(scaled);
      addFactors(linear.op, factors);
    }
  }

  ModuleOp module;
};
} // namespace

LogicalResult smoothByRules(ModuleOp module, StringRef recipe, StringRef statisticsPath) {
  return RuleSmoother(module).run(recipe, statisticsPath);
}

} // namespace mlir::lowbit
