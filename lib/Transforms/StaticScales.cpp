//===- StaticScales.cpp - a scale from statistics -------------------------===//
//
// Law: the range of x * f, channel by channel, is the range of x times f; so statistics taken before smoothing serve after it.
//
//===----------------------------------------------------------------------===//

#include "lowbit/Transforms/StaticScales.h"
#include "lowbit/Formats/Build.h"
#include "lowbit/Transforms/Sites.h"
#include <cmath>

namespace mlir::lowbit {

/// The range of the whole tensor, each channel multiplied by its factor.
static std::optional<std::pair<double, double>> getSmoothedRange(const SiteStatistics &site, ArrayRef<float> factors, SchemeAttr scheme) {
  SmallVector<std::pair<double, double>> ranges = site.getRanges(scheme.getFormat(), !scheme.getZero());
  if (ranges.size() != factors.size())
    return std::nullopt;
  std::pair<double, double> range(0, 0);
  for (auto [channel, factor] : llvm::zip_equal(ranges, factors)) {
    range.first = std::min(range.first, channel.first * factor);
    range.second = std::max(range.second, channel.second * factor);
  }
  return range;
}

/// As `lowbit.compute_scales` documents it, in f32.
static StaticScale computeScale(std::pair<double, double> range, SchemeAttr scheme) {
  NumberFormatAttrInterface format = scheme.getFormat();
  float low = std::min(0.0f, static_cast<float>(range.first)), high = std::max(0.0f, static_cast<float>(range.second));
  auto smallest = static_cast<float>(format.getSmallest()), largest = static_cast<float>(format.getLargest());
  if (!scheme.getZero()) {
    float scale = std::max(-low, high) / largest;
    return {scale > 0 ? scale : 1, 0};
  }
  float scale = (high - low) / (largest - smallest);
  if (!(scale > 0))
    scale = 1;
  return {scale, roundToInteger(smallest - low / scale, 0, format.getSmallest(), format.getLargest())};
}

FailureOr<StaticScale> computeStaticScale(const Statistics &statistics, Operation *op, StringRef site, const QuantizableOperand &operand,
                                          SchemeAttr scheme, ArrayRef<float> factors) {
  std::string name = getObservedName(site, operand);
  const SiteStatistics *observed = statistics.lookup(name);
  if (!observed || observed->getCount() == 0) {
    // Some ranges need no data.
    auto producer = operand.operand->get().getDefiningOp<FixedRangeOpInterface>();
    if (std::optional<std::pair<double, double>> fixed = producer ? producer.getFixedRange() : std::nullopt)
      return computeScale(*fixed, scheme);
    return op->emitOpError() << "the statistics hold nothing of site `" << name << "`; calibrate this site, or keep it in float";
  }
  if (factors.empty())
    return computeScale(observed->getRange(scheme.getFormat(), !scheme.getZero()), scheme);
  std::optional<std::pair<double, double>> range = getSmoothedRange(*observed, factors, scheme);
  if (!range)
    return op->emitOpError() << "statistics of site `" << name
                             << "` have no state for each smoothed channel; calibrate with axes `channel`";
  return computeScale(*range, scheme);
}

FailureOr<StaticScale> computeStaticScale(const Statistics &statistics, Operation *op, StringRef site, const QuantizableOperand &operand,
                                          SchemeAttr scheme) {
  auto factors = op->getAttrOfType<DenseF32ArrayAttr>(kSmoothingAttr);
  return computeStaticScale(statistics, op, site, operand, scheme, factors ? factors.asArrayRef() : ArrayRef<float>());
}

} // namespace mlir::lowbit
