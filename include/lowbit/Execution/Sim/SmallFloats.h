//===- SmallFloats.h - conversions and arithmetic of one lane's floats ----===//
//
// Codes go in and out as the low bits of a register. Rounding is APFloat's; what is here are the GPU's own rules: which NaN comes out,
// what saturates, and where subnormals become zero.
//
//===----------------------------------------------------------------------===//
#ifndef LOWBIT_EXECUTION_SIM_SMALLFLOATS_H
#define LOWBIT_EXECUTION_SIM_SMALLFLOATS_H

#include <cstdint>

namespace mlir::lowbit::sim {

/// TF32 is an f32 whose low 13 bits are zero.
enum class Format : uint8_t { F32, F16, BF16, TF32, E4M3, E5M2 };

enum class Rounding : uint8_t { NearestEven, NearestAway, Zero, Down, Up };

struct FloatOptions {
  Rounding rounding = Rounding::NearestEven;
  bool flush = false;    // .ftz: subnormals in and out are zeros of the same sign
  bool saturate = false; // .sat: to [0, 1], NaN to 0
  bool relu = false;     // negative numbers become 0
};

/// cvt between floats; E4M3 and E5M2 saturate (.satfinite).
uint32_t convert(Format from, uint32_t code, Format to, FloatOptions options = {});

/// cvt to an integer of `width` bits, which saturates; NaN gives 0.
uint32_t convertToInteger(uint32_t single, unsigned width, bool isSigned, FloatOptions options);

/// cvt.rn.f32 of a 32-bit integer.
uint32_t convertToSingle(uint32_t integer, bool isSigned);

/// cvt.rni.f32.f32
uint32_t roundToIntegral(uint32_t single, FloatOptions options);

enum class Arithmetic : uint8_t { Add, Subtract, Multiply, Divide };
uint32_t compute(Arithmetic operation, Format format, uint32_t a, uint32_t b, FloatOptions options = {});

/// div.approx.f32: by more than 2^126 it gives 0.
uint32_t divideApproximately(uint32_t a, uint32_t b);

uint32_t fusedMultiplyAdd(Format format, uint32_t a, uint32_t b, uint32_t c, FloatOptions options = {});

/// The smaller or larger number; of a NaN and a number the number, or with `keepNaN` NaN. -0 is less than 0.
uint32_t minimum(Format format, uint32_t a, uint32_t b, bool keepNaN);
uint32_t maximum(Format format, uint32_t a, uint32_t b, bool keepNaN);

/// Functions that the GPU approximates. The model is the exact value rounded to nearest, which the GPU's differs from by a few units
/// in the last place (docs/gpu-limits.md); infinities, zeros and NaN are the GPU's.
enum class Function : uint8_t { Exp2, Log2, Reciprocal, ReciprocalSqrt, Sqrt, Tanh, Sin, Cos };
uint32_t approximate(Function function, Format format, uint32_t code, bool flush);

} // namespace mlir::lowbit::sim

#endif // LOWBIT_EXECUTION_SIM_SMALLFLOATS_H
