//===- LaneLevels.h - reals that four bits stand for ----------------------===//
//
// The sixteen reals of a codebook, or of a small float, become floats of 16 bits in registers. Those of a sign, two bits of exponent and
// one of fraction are stored so that their bits only have to be moved: a subnormal number is then one of f16, too, and all are too small by
// the same power of two. Others are looked up, byte by byte, in tables that registers hold. A real that has more digits than a float of 16
// bits is the sum of up to three, each of which is multiplied: no level is rounded.
//
//===----------------------------------------------------------------------===//
#ifndef LOWBIT_LIB_GPU_LANELEVELS_H
#define LOWBIT_LIB_GPU_LANELEVELS_H

#include "lowbit/GPU/KernelBuilder.h"
#include "lowbit/IR/LaneWeights.h"
#include <array>

namespace mlir::lowbit {

/// The two floats of 16 bits in a word, `vector<2xelement>`.
Value toFloats(KernelBuilder &b, Value word, Type element);

class LaneLevels {
public:
  /// Of 16 reals, as floats of `element` (f16 or bf16); none where a real is not the sum of three.
  static std::optional<LaneLevels> find(ArrayRef<float> levels, Type element);

  /// Sums of products have to be multiplied by two to the power of this.
  int getExponent() const { return exponent; }
  /// The four registers of a word of weights, for each float that a level is the sum of.
  SmallVector<Value> decode(KernelBuilder &b, Value word, const LaneWeights &weights) const;

private:
  using Table = std::array<uint16_t, 16>;

  static std::optional<SmallVector<Table>> split(ArrayRef<float> levels, int exponent, const llvm::fltSemantics &semantics);
  SmallVector<Value> moveBits(KernelBuilder &b, Value word, const LaneWeights &weights) const;
  SmallVector<Value> lookUp(KernelBuilder &b, Value word) const;

  Type element;
  int exponent = 0;
  SmallVector<Table> tables; ///< None where bits are moved.
};

} // namespace mlir::lowbit

#endif // LOWBIT_LIB_GPU_LANELEVELS_H
