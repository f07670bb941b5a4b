//===- CodeLevels.h - the reals that codes stand for, in order ------------===//
//
// For algorithms that choose between neighbouring codes. Asks a format for every code once; what encoding never makes is left out.
//
//===----------------------------------------------------------------------===//
#ifndef LOWBIT_PTQ_CODELEVELS_H
#define LOWBIT_PTQ_CODELEVELS_H

#include "lowbit/Transforms/HostQuantize.h"

namespace mlir::lowbit {

class CodeLevels {
public:
  explicit CodeLevels(const HostQuantizer &quantizer);

  int64_t size() const { return reals.size(); }
  /// Strictly increasing, at scale one and zero point zero.
  float getReal(int64_t level) const { return reals[level]; }
  uint64_t getCode(int64_t level) const { return codes[level]; }
  /// What `level` stands for with `scale`.
  float decode(int64_t level, HostScale scale) const { return (reals[level] - static_cast<float>(scale.zero)) * scale.scale; }

  /// The last level that is at most `real`, a real divided by the scale with the zero point added; the first if there is none.
  int64_t findBelow(float real) const;
  /// The level next to `real`, the lower one of two as near.
  int64_t findNearest(float real) const {
    int64_t below = findBelow(real);
    return below + 1 < size() && reals[below + 1] - real < real - reals[below] ? below + 1 : below;
  }

private:
  std::vector<float> reals;
  std::vector<uint64_t> codes;
  /// The distance of levels where all are as far apart, else zero.
  float step = 0;
};

} // namespace mlir::lowbit

#endif // LOWBIT_PTQ_CODELEVELS_H
