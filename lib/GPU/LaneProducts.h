//===- LaneProducts.h - products of weights of few bits -------------------===//
//
// A field of a register of weights becomes a number without a conversion. By floats: it is put into the low end of a float that says 1024
// (f16) or 128 (bf16) otherwise, with the sign's bit turned, and what that adds is subtracted again, which is exact; a field further up is
// that many times as large, and a fused multiply-add does both. By bytes: signed fields are moved to the high end of a byte, which makes
// sums larger by a power of two, and unsigned ones to its low end. Codes of reals: see `LaneLevels`.
//
//===----------------------------------------------------------------------===//
#ifndef LOWBIT_LIB_GPU_LANEPRODUCTS_H
#define LOWBIT_LIB_GPU_LANEPRODUCTS_H

#include "LaneLevels.h"

namespace mlir::lowbit {

/// What a product multiplies.
struct LaneTypes {
  Type element;  ///< Of the other side: f16, bf16, or i8, signed.
  int64_t width; ///< Of a weight.
  bool isUnsigned;
  ArrayRef<float> levels = {}; ///< What weights stand for, where they are codes.
  int64_t laneDepth = 8;
  /// Whether the other side is of f32, of each of which three of bf16 are multiplied that together are it.
  bool areSingles = false;

  /// Words of the other side for two of its elements.
  int64_t getWords() const { return areSingles ? 2 : 1; }
  bool areBytes() const { return element.isInteger(); }
  LaneWeights getWeights() const;
  Type getSumType() const;
};

class LaneProducts {
public:
  /// `nothing` is a zero, i32, that the assembler does not know to be one.
  LaneProducts(KernelBuilder &b, const LaneTypes &types, Value nothing);

  /// Zero sums of one product: the lane's four elements (`Accumulator16x8`, with columns of the result as rows).
  SmallVector<Value> getZeros() const;
  /// The zero points (i32; null: none) of the lane's two columns, in the form that `decode` takes.
  std::array<Value, 2> prepareZeros(Value first, Value second) const;
  /// The registers of product `product` of a piece, of the lane's four words of it: four, or as many for each float that weights are sums
  /// of.
  SmallVector<Value> decode(ArrayRef<Value> words, int64_t product, const std::array<Value, 2> &zeros) const;
  /// Adds the products with two registers (i32) of the other side, or with four f32 of it.
  void multiply(ArrayRef<Value> registers, ArrayRef<Value> others, MutableArrayRef<Value> sums) const;
  /// A sum as it is meant, i32 or f32.
  Value finish(Value sum) const;

private:
  Value toWord(Value floats) const;
  SmallVector<SmallVector<Value>> split(ArrayRef<Value> others) const;
  void multiplyOnce(ArrayRef<Value> registers, ArrayRef<Value> others, MutableArrayRef<Value> sums) const;
  Value decodeFloats(Value word, int64_t part, Value zero) const;
  Value decodeBytes(Value word, int64_t part) const;

  KernelBuilder &b;
  LaneTypes types;
  LaneWeights weights;
  std::optional<LaneLevels> levels;
  Value nothing;
};

} // namespace mlir::lowbit

#endif // LOWBIT_LIB_GPU_LANEPRODUCTS_H
