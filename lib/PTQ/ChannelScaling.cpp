//===- ChannelScaling.cpp - factors between activations and weights -------===//

#include "ChannelScaling.h"
#include "AbsorbScaling.h"
#include "lowbit/Transforms/Constants.h"
#include "lowbit/Transforms/Sites.h"
#include "lowbit/Transforms/StaticScales.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "llvm/ADT/MapVector.h"
#include <cmath>

namespace mlir::lowbit {

std::vector<float> computeSmoothing(ArrayRef<double> spread, ArrayRef<double> weightSpread, double strength) {
  std::vector<double> logarithms;
  double sum = 0;
  for (auto [x, w] : llvm::zip_equal(spread, weightSpread))
    sum += logarithms.emplace_back(strength * std::log(x) - (1 - strength) * std::log(w));
  std::vector<float> factors;
  for (double logarithm : logarithms)
    factors.push_back(static_cast<float>(std::exp(sum / logarithms.size() - logarithm)));
  return factors;
}

Value buildScaled(OpBuilder &builder, Location loc, Value activation, int64_t axis, ArrayRef<float> factors) {
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
  return linalg::GenericOp::create(builder, loc, type, ValueRange{activation, factor}, init, ArrayRef<AffineMap>{identity, along, identity},
                                   iterators, body)
      .getResult(0);
}

FailureOr<SmallVector<std::pair<double, double>>> readChannelRanges(const Statistics &statistics, Operation *op, StringRef site,
                                                                    const QuantizableOperand &activation) {
  std::string observed = getObservedName(site, activation);
  const SiteStatistics *found = statistics.lookup(observed);
  int64_t axis = activation.reducedAxes.front(), size = cast<RankedTensorType>(activation.operand->get().getType()).getDimSize(axis);
  if (!found || ArrayRef<int64_t>(found->axes) != ArrayRef<int64_t>{axis} || static_cast<int64_t>(found->states.size()) != size)
    return op->emitOpError() << "smoothing needs statistics of `" << observed << "` with a state for each channel"
                             << (found ? "; calibrate with axes `channel`" : ", but it has none; calibrate again");
  return llvm::map_to_vector(found->states, [](const std::unique_ptr<ObserverState> &state) {
    return state->getRange(NumberFormatAttrInterface(), /*symmetric=*/true);
  });
}

FailureOr<std::vector<double>> readSpread(const Statistics &statistics, Operation *op, StringRef site,
                                          const QuantizableOperand &activation) {
  FailureOr<SmallVector<std::pair<double, double>>> ranges = readChannelRanges(statistics, op, site, activation);
  if (failed(ranges))
    return failure();
  std::vector<double> spread;
  for (auto [low, high] : *ranges)
    spread.push_back(std::max({kSmallestSpread, std::fabs(low), std::fabs(high)}));
  return spread;
}

std::vector<float> composeFactors(Operation *op, ArrayRef<float> factors) {
  std::vector<float> product(factors.begin(), factors.end());
  if (auto earlier = op->getAttrOfType<DenseF32ArrayAttr>(kSmoothingAttr))
    for (auto [factor, before] : llvm::zip_equal(product, earlier.asArrayRef()))
      factor *= before;
  return product;
}

void addFactors(Operation *op, ArrayRef<float> factors) {
  op->setAttr(kSmoothingAttr, DenseF32ArrayAttr::get(op->getContext(), composeFactors(op, factors)));
}

//===----------------------------------------------------------------------===//
// Groups
//===----------------------------------------------------------------------===//

/// The axis of channels of the activation as an axis of the weight, or -1.
static int64_t findWeightAxis(Operation *op, const QuantizableOperand &activation, const QuantizableOperand &weight) {
  auto structured = dyn_cast<linalg::LinalgOp>(op);
  if (!structured || activation.reducedAxes.size() != 1)
    return -1;
  AffineExpr loop = structured.getMatchingIndexingMap(activation.operand).getResult(activation.reducedAxes.front());
  for (auto [axis, expr] : llvm::enumerate(structured.getMatchingIndexingMap(weight.operand).getResults()))
    if (expr == loop)
      return axis;
  return -1;
}

std::vector<int64_t> findInputChannels(Operation *op, const QuantizableOperand &activation, const QuantizableOperand &weight) {
  int64_t channelAxis = findWeightAxis(op, activation, weight);
  if (channelAxis < 0)
    return {};
  ArrayRef<int64_t> shape = cast<RankedTensorType>(weight.operand->get().getType()).getShape();
  int64_t count = 1, inner = 1;
  for (int64_t axis : llvm::reverse(weight.reducedAxes)) {
    if (axis == channelAxis)
      inner = count;
    count *= shape[axis];
  }
  std::vector<int64_t> channels;
  for (int64_t k = 0; k < count; ++k)
    channels.push_back(k / inner % shape[channelAxis]);
  return channels;
}

/// The op that makes the codes which the activation is read through, or null.
static QuantizeOp getQuantize(const QuantizableOperand &activation) {
  auto dequantize = activation.operand->get().getDefiningOp<DequantizeOp>();
  return dequantize ? dequantize.getCodes().getDefiningOp<QuantizeOp>() : QuantizeOp();
}

SmallVector<ChannelGroup, 0> ChannelGroup::collect(MutableArrayRef<WeightSite> sites, function_ref<void(WeightSite &, StringRef)> refuse) {
  llvm::MapVector<std::pair<Value, int64_t>, ChannelGroup> groups;
  for (WeightSite &site : sites) {
    std::string reason;
    SmallVector<QuantizableOperand> operands = cast<QuantizableOpInterface>(site.getOp()).getQuantizableOperands(reason);
    const QuantizableOperand *activation = nullptr, *weight = nullptr;
    for (const QuantizableOperand &operand : operands)
      (operand.role == OperandRole::Weight ? weight : activation) = &operand;
    std::vector<int64_t> channels = activation && weight ? findInputChannels(site.getOp(), *activation, *weight) : std::vector<int64_t>();
    if (channels.empty() || !getElementTypeOrSelf(activation->operand->get()).isF32() ||
        cast<RankedTensorType>(activation->operand->get().getType()).isDynamicDim(activation->reducedAxes.front())) {
      refuse(site, "it reads no f32 activation with one axis of channels that are summed over");
      continue;
    }
    ScaledSite scaled{&site, *activation, {}, false, std::move(channels)};
    Value source = activation->operand->get();
    if (QuantizeOp quantize = getQuantize(*activation)) {
      source = quantize.getInput();
      scaled.scheme = quantize.getScheme();
      scaled.isStatic = static_cast<bool>(getConstantElements(quantize.getScales()));
    }
    ChannelGroup &group = groups[{source, activation->reducedAxes.front()}];
    group.activation = source;
    group.sites.push_back(std::move(scaled));
  }
  return llvm::map_to_vector<0>(groups, [](auto &entry) { return std::move(entry.second); });
}

/// Whether only operands in `readers` read `value`, be it through its codes.
static bool isReadOnlyBy(Value value, ArrayRef<OpOperand *> readers) {
  return llvm::all_of(value.getUses(), [&](OpOperand &use) {
    Operation *user = use.getOwner();
    if (isa<tensor::DimOp>(user) || llvm::is_contained(readers, &use))
      return true;
    return isa<QuantizeOp, DequantizeOp, ComputeScalesOp>(user) &&
           llvm::all_of(user->getResults(), [&](Value result) { return isReadOnlyBy(result, readers); });
  });
}

bool ChannelGroup::isOnlyReader() const {
  return isReadOnlyBy(activation, llvm::map_to_vector(sites, [](const ScaledSite &site) { return site.activation.operand; }));
}

FailureOr<std::vector<double>> ChannelGroup::computeWeightSpread() const {
  std::vector<double> spread(getNumChannels(), 0.0);
  for (const ScaledSite &scaled : sites) {
    FailureOr<std::vector<float>> weight = scaled.site->readWeight();
    if (failed(weight))
      return failure();
    int64_t columns = scaled.site->getNumOutputs();
    for (auto [k, channel] : llvm::enumerate(scaled.channelOf))
      for (float real : ArrayRef<float>(*weight).slice(k * columns, columns))
        spread[channel] = std::max(spread[channel], std::fabs(static_cast<double>(real)));
  }
  return spread;
}

//===----------------------------------------------------------------------===//
// Changes
//===----------------------------------------------------------------------===//

/// Drops codes that nothing reads any more.
static void eraseCodes(Value dequantized) {
  for (Operation *op = dequantized.getDefiningOp(); op && isa<DequantizeOp, QuantizeOp>(op) && op->use_empty();) {
    Operation *producer = op->getOperand(0).getDefiningOp(), *scales = op->getOperand(1).getDefiningOp();
    op->erase();
    if (isa_and_nonnull<ComputeScalesOp>(scales) && scales->use_empty())
      scales->erase();
    op = producer;
  }
}

/// Lets a site read `scaled`: through codes as before, with scales of what is scaled.
void ChannelGroup::connect(ScaledSite &site, Value scaled, const StaticScale *fixed) {
  Value old = site.activation.operand->get();
  if (!site.scheme) {
    site.activation.operand->set(scaled);
    return;
  }
  auto dequantize = old.getDefiningOp<DequantizeOp>();
  OpBuilder builder(site.site->getOp());
  Location loc = dequantize.getLoc();
  Value scales, zeros;
  Type scalesType = dequantize.getScales().getType(), zerosType = dequantize.getZeros() ? dequantize.getZeros().getType() : Type();
  if (fixed) {
    auto element = cast<FloatType>(getElementTypeOrSelf(scalesType));
    APFloat scale(fixed->scale);
    bool losesInfo;
    scale.convert(element.getFloatSemantics(), APFloat::rmNearestTiesToEven, &losesInfo);
    scales = arith::ConstantOp::create(builder, loc, DenseElementsAttr::get(cast<ShapedType>(scalesType), scale));
    if (zerosType)
      zeros = arith::ConstantOp::create(
          builder, loc,
          DenseElementsAttr::get(cast<ShapedType>(zerosType), APInt(getElementTypeOrSelf(zerosType).getIntOrFloatBitWidth(), fixed->zero,
                                                                    /*isSigned=*/true, /*implicitTrunc=*/true)));
  } else {
    auto compute = ComputeScalesOp::create(builder, loc, scalesType, zerosType, scaled, site.scheme);
    scales = compute.getScales();
    zeros = compute.getZeros();
  }
  Value codes = QuantizeOp::create(builder, loc, dequantize.getCodes().getType(), scaled, scales, zeros, site.scheme);
  site.activation.operand->set(DequantizeOp::create(builder, loc, old.getType(), codes, scales, zeros, site.scheme));
  eraseCodes(old);
}

LogicalResult ChannelGroup::scaleWeights(ArrayRef<float> factors) {
  for (ScaledSite &scaled : sites) {
    FailureOr<std::vector<float>> weight = scaled.site->readWeight();
    if (failed(weight))
      return failure();
    int64_t columns = scaled.site->getNumOutputs();
    for (auto [k, channel] : llvm::enumerate(scaled.channelOf))
      for (float &real : MutableArrayRef<float>(*weight).slice(k * columns, columns))
        real /= factors[channel];
    scaled.site->setWeight(*weight);
    addFactors(scaled.site->getOp(), factors);
  }
  return success();
}

LogicalResult ChannelGroup::scale(ArrayRef<float> factors, const Statistics *statistics, AbsorptionPlan &plan) {
  return success(succeeded(scaleWeights(factors)) && succeeded(plan.apply(factors)) && succeeded(connectAll(activation, statistics)));
}

LogicalResult ChannelGroup::scale(ArrayRef<float> factors, const Statistics *statistics) {
  AbsorptionPlan plan;
  if (isOnlyReader() && plan.add(activation, getAxis()))
    return scale(factors, statistics, plan);
  if (failed(scaleWeights(factors)))
    return failure();
  OpBuilder builder(activation.getContext());
  builder.setInsertionPointAfterValue(activation);
  return connectAll(buildScaled(builder, activation.getLoc(), activation, getAxis(), factors), statistics);
}

LogicalResult ChannelGroup::connectAll(Value scaled, const Statistics *statistics) {
  for (ScaledSite &site : sites) {
    WeightSite &weight = *site.site;
    if (!site.isStatic) {
      connect(site, scaled, nullptr);
      continue;
    }
    if (!statistics)
      return weight.getOp()->emitOpError() << "the activation of site `" << weight.getName()
                                           << "` has a static scale, which scaling changes; give the statistics as `stats`";
    FailureOr<StaticScale> fixed = computeStaticScale(*statistics, weight.getOp(), weight.getName(), site.activation, site.scheme);
    if (failed(fixed))
      return failure();
    connect(site, scaled, &*fixed);
  }
  return success();
}

} // namespace mlir::lowbit
