//===- HostQuantize.cpp - scales and codes of constants on the host -------===//

#include "lowbit/Transforms/HostQuantize.h"
#include "llvm/Support/MathExtras.h"
#include <cmath>
#include <limits>

namespace mlir::lowbit {

HostQuantizer::HostQuantizer(SchemeAttr scheme)
    : scheme(scheme), format(scheme.getFormat()), scaleType(cast<FloatType>(scheme.getScaleType())),
      isReciprocal(scheme.getScaling() == Scaling::Reciprocal), smallest(static_cast<float>(format.getSmallest())),
      largest(static_cast<float>(format.getLargest())) {
  tiniest = std::max(APFloat::getSmallest(scaleType.getFloatSemantics()).convertToDouble(), std::ldexp(1.0, -126));
  if (IntegerType zero = scheme.getZero()) {
    unsigned width = std::min<unsigned>(zero.getWidth(), 32);
    double first = format.isSigned() ? llvm::minIntN(width) : 0, last = format.isSigned() ? llvm::maxIntN(width) : llvm::maxUIntN(width);
    firstZero = std::max<double>(first, smallest);
    lastZero = std::min<double>(last, largest);
  }
  if (format.getWidth() <= 8)
    buildTables();
}

/// Formats are called through an interface and may be slow; a search asks them for every weight again and again.
void HostQuantizer::buildTables() {
  auto encodeOrder = [&](int64_t order) {
    auto bits = static_cast<int32_t>(order);
    return format.encode(llvm::bit_cast<float>(bits ^ (bits >> 31 & 0x7fffffff)), 0);
  };
  for (uint64_t code = 0; code < uint64_t(1) << format.getWidth(); ++code)
    levels.push_back(format.decode(code));
  constexpr float kEnd = std::numeric_limits<float>::infinity();
  int64_t last = getOrder(kEnd);
  for (int64_t start = getOrder(-kEnd); start <= last;) {
    uint64_t code = encodeOrder(start);
    starts.push_back(static_cast<int32_t>(start));
    codes.push_back(code);
    // The first real behind that has another code.
    int64_t same = start, other = last + 1;
    while (other - same > 1) {
      int64_t middle = (same + other) / 2;
      (encodeOrder(middle) == code ? same : other) = middle;
    }
    start = other;
  }
}

float HostQuantizer::roundScale(float scale) const {
  if (scaleType.isF32())
    return scale;
  APFloat rounded(scale);
  bool losesInfo;
  auto mode = APFloat::semanticsPrecision(scaleType.getFloatSemantics()) == 1 ? APFloat::rmTowardPositive : APFloat::rmNearestTiesToEven;
  rounded.convert(scaleType.getFloatSemantics(), mode, &losesInfo);
  return rounded.convertToFloat();
}

bool HostQuantizer::isUsable(float scale) const { return std::isfinite(scale) && (scale > 0 || (scale < 0 && hasNegativeScales())); }

bool HostQuantizer::hasNegativeScales() const { return APFloat::semanticsHasSignedRepr(scaleType.getFloatSemantics()); }

HostScale HostQuantizer::computeScale(float low, float high) const {
  low = std::min(low, 0.0f);
  high = std::max(high, 0.0f);
  bool hasZero = static_cast<bool>(scheme.getZero());
  float extent = hasZero ? high - low : std::max(-low, high);
  float scale = extent / (hasZero ? largest - smallest : largest);
  scale = roundScale(extent == 0 ? 1 : std::max(scale, tiniest));
  return {scale, hasZero ? computeZero(low, scale) : 0};
}

int64_t HostQuantizer::computeZero(float low, float scale) const {
  float shift = smallest - std::min(low, 0.0f) / scale;
  return clampZero(shift);
}

int64_t HostQuantizer::clampZero(double zero) const {
  return static_cast<int64_t>(std::clamp<double>(std::nearbyint(zero), firstZero, lastZero));
}

} // namespace mlir::lowbit
