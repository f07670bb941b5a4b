//===- HostQuantize.h - scales and codes of constants on the host ---------===//
//
// Law: the same bits as the reference lowering of `compute_scales` and `quantize`.
//
//===----------------------------------------------------------------------===//
#ifndef LOWBIT_TRANSFORMS_HOSTQUANTIZE_H
#define LOWBIT_TRANSFORMS_HOSTQUANTIZE_H

#include "lowbit/IR/Lowbit.h"

namespace mlir::lowbit {

/// One scale with its zero point, as a scheme stores them.
struct HostScale {
  float scale = 1;
  int64_t zero = 0;
};

/// Computes scales, codes and reals of one scheme.
class HostQuantizer {
public:
  explicit HostQuantizer(SchemeAttr scheme);

  SchemeAttr getScheme() const { return scheme; }
  /// `scale` in the scheme's scale type: half to even; powers of two up, so that nothing saturates. May be zero or infinite.
  float roundScale(float scale) const;
  /// Whether a scale can be stored and divided by.
  bool isUsable(float scale) const;
  /// The scale (and zero point) of a block of reals from `low` to `high`, as `lowbit.compute_scales` defines it.
  HostScale computeScale(float low, float high) const;
  /// The zero point that a block from `low` on gets with `scale`.
  int64_t computeZero(float low, float scale) const;
  uint64_t encode(float real, HostScale scale) const {
    return format.encode(isReciprocal ? real * (1.0f / scale.scale) : real / scale.scale, scale.zero);
  }
  double decode(uint64_t code, HostScale scale) const {
    return (format.decode(code) - static_cast<double>(scale.zero)) * static_cast<double>(scale.scale);
  }
  /// The real that `real` becomes.
  double round(float real, HostScale scale) const { return decode(encode(real, scale), scale); }

private:
  SchemeAttr scheme;
  NumberFormatAttrInterface format;
  FloatType scaleType;
  bool isReciprocal;
  float smallest, largest, tiniest;
  double firstZero = 0, lastZero = 0;
};

} // namespace mlir::lowbit

#endif // LOWBIT_TRANSFORMS_HOSTQUANTIZE_H
