//===- SmoothQuant.cpp - the spread of activations moves into the weights -===//
//
// Law: (x * f) (w / f) == x w, channel by channel; all linears that read one activation share its factors.
//
//===----------------------------------------------------------------------===//

#include "lowbit/Calibration/Statistics.h"
#include "lowbit/ExternalModels/Register.h"
#include "lowbit/PTQ/Passes.h"
#include "lowbit/Recipes/Recipe.h"
#include "lowbit/Transforms/Constants.h"
#include "lowbit/Transforms/Sites.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/BuiltinOps.h"
#include "llvm/ADT/MapVector.h"
#include <cmath>

namespace mlir::lowbit {
#define GEN_PASS_DEF_SMOOTHQUANTPASS
#include "lowbit/PTQ/Passes.h.inc"

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

/// Below this a channel is as good as unused, and its factor would be without bound.
constexpr double kSmallest = 1e-5;

struct SmoothQuantPass final : PassWithModels<impl::SmoothQuantPassBase<SmoothQuantPass>> {
  using PassWithModels::PassWithModels;

  void runOnOperation() override {
    FailureOr<Recipe> loaded = Recipe::load(recipe, getOperation().getLoc());
    if (failed(loaded))
      return signalPassFailure();
    llvm::MapVector<Value, Group> groups;
    if (failed(collect(*loaded, groups)))
      return signalPassFailure();
    if (groups.empty())
      return;
    if (stats.empty()) {
      emitError(getOperation().getLoc()) << "recipe `" << loaded->name
                                         << "` smooths activations, which needs statistics; calibrate first, and give `stats`";
      return signalPassFailure();
    }
    llvm::Expected<Statistics> statistics = Statistics::load(stats, &getContext());
    if (!statistics) {
      emitError(getOperation().getLoc()) << llvm::toString(statistics.takeError());
      return signalPassFailure();
    }
    if (failed(statistics->verifyModel(getOperation(), [&] { return emitError(getOperation().getLoc()); })))
      return signalPassFailure();
    for (auto &[value, group] : groups)
      if (failed(smooth(value, group, *statistics)))
        return signalPassFailure();
  }

private:
  LogicalResult collect(const Recipe &loaded, llvm::MapVector<Value, Group> &groups) {
    WalkResult result = getOperation()->walk([&](QuantizableOpInterface op) -> WalkResult {
      auto site = op->getAttrOfType<StringAttr>(kSiteAttr);
      std::string reason;
      SmallVector<QuantizableOperand> operands = op.getQuantizableOperands(reason);
      const RecipeRule *rule = site ? loaded.findRule(site, op.getSiteKind()) : nullptr;
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
    auto type = cast<RankedTensorType>(activation.getType());
    std::string observed = getObservedName(first.site, first.activation);
    const SiteStatistics *site = statistics.lookup(observed);
    if (!site || ArrayRef<int64_t>(site->axes) != ArrayRef<int64_t>{axis} ||
        static_cast<int64_t>(site->states.size()) != type.getDimSize(axis))
      return first.op->emitOpError() << "smoothing needs statistics of `" << observed << "` with a state for each channel"
                                     << (site ? "; calibrate with axes `channel`" : ", but it has none; calibrate again");
    std::vector<double> spread(site->states.size(), kSmallest), weightSpread(site->states.size(), kSmallest);
    for (auto [channel, state] : llvm::enumerate(site->states)) {
      auto [low, high] = state->getRange(NumberFormatAttrInterface(), /*symmetric=*/true);
      spread[channel] = std::max({spread[channel], std::fabs(low), std::fabs(high)});
    }
    std::vector<std::vector<float>> weights;
    for (Linear &linear : group.linears)
      if (failed(readWeight(linear, weights.emplace_back(), weightSpread)))
        return failure();
    std::vector<float> factors = computeFactors(spread, weightSpread, group.strength);
    rewrite(activation, axis, group, factors, weights);
    return success();
  }

  /// Reads a weight and widens `spread` by its largest magnitude in each channel.
  LogicalResult readWeight(Linear &linear, std::vector<float> &weight, std::vector<double> &spread) {
    ElementsAttr elements = getConstantElements(linear.weight.operand->get());
    if (!elements)
      return linear.op->emitOpError() << "weight of site `" << linear.site << "` is not a constant";
    FailureOr<std::vector<float>> read = readReals(linear.op, elements);
    if (failed(read))
      return failure();
    weight = std::move(*read);
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

  /// What activations are multiplied by: 1 / s, in f32.
  static std::vector<float> computeFactors(ArrayRef<double> spread, ArrayRef<double> weightSpread, double strength) {
    std::vector<double> logarithms;
    double sum = 0;
    for (auto [x, w] : llvm::zip_equal(spread, weightSpread))
      sum += logarithms.emplace_back(strength * std::log(x) - (1 - strength) * std::log(w));
    std::vector<float> factors;
    for (double logarithm : logarithms)
      factors.push_back(static_cast<float>(std::exp(sum / logarithms.size() - logarithm)));
    return factors;
  }

  void rewrite(Value activation, int64_t axis, Group &group, const std::vector<float> &factors, std::vector<std::vector<float>> &weights) {
    OpBuilder builder(&getContext());
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
      linear.op->setAttr(kSmoothingAttr, builder.getDenseF32ArrayAttr(factors));
    }
  }

  static Value buildScaled(OpBuilder &builder, Location loc, Value activation, int64_t axis, ArrayRef<float> factors) {
    auto type = cast<RankedTensorType>(activation.getType());
    auto factorType = RankedTensorType::get({static_cast<int64_t>(factors.size())}, builder.getF32Type());
    Value factor = arith::ConstantOp::create(builder, loc, DenseElementsAttr::get(factorType, factors));
    Value init = tensor::EmptyOp::create(builder, loc, tensor::getMixedSizes(builder, loc, activation), type.getElementType());
    AffineMap identity = builder.getMultiDimIdentityMap(type.getRank());
    AffineMap along = AffineMap::get(type.getRank(), 0, builder.getAffineDimExpr(axis));
    SmallVector<utils::IteratorType> iterators(type.getRank(), utils::IteratorType::parallel);
    auto body = [](OpBuilder &b, Location l, ValueRange arguments) {
      linalg::YieldOp::create(b, l, arith::MulFOp::create(b, l, arguments[0], arguments[1]).getResult());
    };
    return linalg::GenericOp::create(builder, loc, type, ValueRange{activation, factor}, init,
                                     ArrayRef<AffineMap>{identity, along, identity}, iterators, body)
        .getResult(0);
  }
};
} // namespace
} // namespace mlir::lowbit
