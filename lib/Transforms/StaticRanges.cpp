//===- StaticRanges.cpp - scales of activations from statistics -----------===//
//
// Invariant: the scale of a range is what `lowbit.compute_scales` computes for a tensor with that range, to the bit.
//
//===----------------------------------------------------------------------===//

#include "StaticRanges.h"
#include "Constants.h"
#include <cmath>

namespace mlir::lowbit {

FailureOr<const SiteStatistics *> findStatistics(const Statistics &statistics, const SchemeRecipe &recipe, StringRef site,
                                                 const QuantizableOperand &operand, Location loc) {
  std::string name = getObservedName(site, operand);
  const SiteStatistics *found = statistics.lookup(name);
  if (!found)
    return emitError(loc) << "the statistics have no site `" << name
                          << "`, which the recipe quantizes by a static range; calibrate with it, "
                          << "or say \"mode\": \"dynamic\"";
  if (found->getCount() == 0)
    return emitError(loc) << "the statistics of site `" << name << "` have seen no values; calibrate with at least one sample";
  if (recipe.observer && recipe.observer != found->observer)
    return emitError(loc) << "the recipe wants observer " << recipe.observer << " at site `" << name << "`, but the statistics are of "
                          << found->observer << "; calibrate with the recipe's observer, or remove `observer` from the recipe";
  return found;
}

void setStaticScale(SchemeAttr scheme, ArrayRef<std::pair<double, double>> ranges, NamedAttrList &entries) {
  float low = 0, high = 0;
  for (auto [smallest, largest] : ranges) {
    low = std::min(low, static_cast<float>(smallest));
    high = std::max(high, static_cast<float>(largest));
  }
  Builder builder(scheme.getContext());
  float smallest = scheme.getFormat().getSmallest(), largest = scheme.getFormat().getLargest();
  float extent = scheme.getZero() ? high - low : std::max(-low, high);
  float scale = extent == 0 ? 1 : extent / (scheme.getZero() ? largest - smallest : largest);
  entries.set("scale", builder.getF32FloatAttr(scale));
  if (!scheme.getZero())
    return;
  float zero = std::clamp(std::nearbyint(smallest - low / scale), smallest, largest);
  APInt bits(scheme.getZero().getWidth(), static_cast<int64_t>(zero), /*isSigned=*/true, /*implicitTrunc=*/true);
  entries.set("zero", builder.getIntegerAttr(scheme.getZero(), bits));
}

SmallVector<float> getSmoothDivisors(ArrayRef<std::pair<double, double>> channels, ArrayRef<double> weights, double strength) {
  constexpr double kSmallest = 1e-5; // keeps dead channels from becoming infinite
  SmallVector<double> logs;
  double sum = 0;
  for (auto [range, weight] : llvm::zip_equal(channels, weights)) {
    double activation = std::max({-range.first, range.second, kSmallest});
    logs.push_back(strength * std::log(activation) - (1 - strength) * std::log(std::max(weight, kSmallest)));
    sum += logs.back();
  }
  return llvm::map_to_vector(logs, [&](double log) { return static_cast<float>(std::exp(log - sum / logs.size())); });
}

LogicalResult accumulateLargest(Operation *op, Value weight, int64_t axis, SmallVectorImpl<double> &largest) {
  ElementsAttr elements = getConstantElements(weight);
  FailureOr<std::vector<float>> reals = readReals(op, elements);
  if (failed(reals))
    return failure();
  ArrayRef<int64_t> shape = elements.getShapedType().getShape();
  int64_t inner = ShapedType::getNumElements(shape.drop_front(axis + 1));
  largest.resize(shape[axis], 0.0);
  for (auto [i, real] : llvm::enumerate(*reals)) {
    double &channel = largest[static_cast<int64_t>(i) / inner % shape[axis]];
    channel = std::max(channel, std::fabs(static_cast<double>(real)));
  }
  return success();
}

} // namespace mlir::lowbit
