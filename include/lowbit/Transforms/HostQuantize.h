//===- HostQuantize.h - scales and codes of constants on the host ---------===//
//
// Law: the same bits as the reference lowering of `compute_scales` and `quantize`.
//
//===----------------------------------------------------------------------===//
#ifndef LOWBIT_TRANSFORMS_HOSTQUANTIZE_H
#define LOWBIT_TRANSFORMS_HOSTQUANTIZE_H

#include "lowbit/IR/Lowbit.h"
#include "llvm/ADT/bit.h"

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
  /// Whether the scale type has numbers below zero.
  bool hasNegativeScales() const;
  /// Whether the format's levels reach as far down as up, so that the sign of a scale says nothing.
  bool isSymmetric() const { return smallest == -largest; }
  /// The scale (and zero point) of a block of reals from `low` to `high`, as `lowbit.compute_scales` defines it.
  HostScale computeScale(float low, float high) const;
  /// The zero point that a block from `low` on gets with `scale`.
  int64_t computeZero(float low, float scale) const;
  /// The nearest zero point that the scheme can hold.
  int64_t clampZero(double zero) const;
  uint64_t encode(float real, HostScale scale) const {
    float scaled = isReciprocal ? real * (1.0f / scale.scale) : real / scale.scale;
    if (starts.empty() || scale.zero != 0)
      return format.encode(scaled, scale.zero);
    return codes[std::upper_bound(starts.begin() + 1, starts.end(), getOrder(scaled)) - starts.begin() - 1];
  }
  double decode(uint64_t code, HostScale scale) const {
    double level = levels.empty() ? format.decode(code) : levels[code & (levels.size() - 1)];
    return (level - static_cast<double>(scale.zero)) * static_cast<double>(scale.scale);
  }
  /// The real that `real` becomes.
  double round(float real, HostScale scale) const { return decode(encode(real, scale), scale); }

private:
  /// Integers in the order of the floats, -0 before 0.
  static int32_t getOrder(float real) {
    auto bits = llvm::bit_cast<int32_t>(real);
    return bits ^ (bits >> 31 & 0x7fffffff);
  }
  void buildTables();

  SchemeAttr scheme;
  NumberFormatAttrInterface format;
  FloatType scaleType;
  bool isReciprocal;
  float smallest, largest, tiniest;
  double firstZero = 0, lastZero = 0;
  /// For formats of at most 8 bits, what `format.encode` says: where each code's reals start, in order, and the code. And the level of each code.
  std::vector<int32_t> starts;
  std::vector<uint64_t> codes;
  std::vector<double> levels;
};

} // namespace mlir::lowbit

#endif // LOWBIT_TRANSFORMS_HOSTQUANTIZE_H
