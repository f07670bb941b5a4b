//===- FloatMma.h - how tensor cores add products of floats ---------------===//
//
// What the recordings of an sm_90 GPU show, without exception:
// - Products are exact. All products of a step and the accumulator are added as fixed-point numbers: the largest exponent among them
//   (of a product, the sum of its factors' exponents, not normalized; zeros do not count) says where bits end, and each term is cut
//   there, toward zero. The sum of the cut terms is exact, so the order within a step does not matter.
// - 25 bits are kept below the largest exponent for f16, bf16 and tf32; 13 for the 8-bit types of wgmma.
// - An f32 result is cut toward zero; after 8-bit types of wgmma it keeps 13 bits of its mantissa. An f16 result is rounded to nearest
//   even, once, after the sum.
// - A step is the whole K of an instruction. tf32 leaves out the low 13 bits. Subnormals are numbers like others.
// - mma.sync of 8-bit types is no such instruction on sm_90: bytes become f16, those with k % 4 < 2 are one step that begins at zero,
//   the others the next, and the accumulator is added in the end, rounded to nearest.
//
//===----------------------------------------------------------------------===//
#ifndef LOWBIT_EXECUTION_SIM_FLOATMMA_H
#define LOWBIT_EXECUTION_SIM_FLOATMMA_H

#include "lowbit/Execution/Sim/Fragments.h"

namespace mlir::lowbit::sim {

enum class FloatType : uint8_t { F16, BF16, TF32, E4M3, E5M2 };

/// Bytes of a code in registers and memory.
unsigned getBytes(FloatType type);

/// A number: significand * 2^(exponent - bits of the mantissa).
struct Unpacked {
  enum Kind : uint8_t { Finite, Infinite, NaN } kind;
  bool isNegative;
  int32_t significand;
  int exponent;
};

/// A row of up to 32 bytes, decoded once for all products it is in.
struct FloatRow {
  FloatRow() = default;
  FloatRow(FloatType type, const uint8_t *bytes, unsigned numBytes);

  unsigned count, mantissa;
  Unpacked elements[32];
};

/// The width of one step's sum, and of its result.
struct Precision {
  unsigned fraction = 25; // bits below the largest exponent
  bool half = false;      // the accumulator and the result are f16
  unsigned mantissa = 23; // bits of an f32 result
};

/// One step: the products of two rows plus c; codes of f32 or f16. With `negate` the products are subtracted.
uint32_t addProducts(Precision precision, const FloatRow &a, const FloatRow &b, uint32_t c, bool negate = false);

/// mma.sync m16n8; K is as many elements as fit in `rowBytes`.
struct FloatMma {
  FloatType a, b;
  unsigned rowBytes = 32;
  bool half = false; // the accumulators are f16, two in a register
};

void mmaSync(const FloatMma &form, Reads a, Reads b, Reads c, Writes d);

} // namespace mlir::lowbit::sim

#endif // LOWBIT_EXECUTION_SIM_FLOATMMA_H
