//===- SmallFloats.cpp - conversions and arithmetic of one lane's floats --===//
#include "lowbit/Execution/Sim/SmallFloats.h"
#include "llvm/ADT/APFloat.h"
#include "llvm/ADT/APSInt.h"
#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/Support/ErrorHandling.h"
#include <cmath>

namespace mlir::lowbit::sim {

using llvm::APFloat;

static const llvm::fltSemantics &getSemantics(Format format) {
  switch (format) {
  case Format::F32:
    return APFloat::IEEEsingle();
  case Format::F16:
    return APFloat::IEEEhalf();
  case Format::BF16:
    return APFloat::BFloat();
  case Format::TF32:
    return APFloat::FloatTF32();
  case Format::E4M3:
    return APFloat::Float8E4M3FN();
  case Format::E5M2:
    return APFloat::Float8E5M2();
  }
  llvm_unreachable("a format");
}

static unsigned getWidth(Format format) { return APFloat::getSizeInBits(getSemantics(format)); }

static uint32_t getNaN(Format format) {
  switch (format) {
  case Format::F32:
    return 0x7FFFFFFF;
  case Format::TF32:
    return 0x7FFFE000;
  case Format::F16:
  case Format::BF16:
    return 0x7FFF;
  case Format::E4M3:
  case Format::E5M2:
    return 0x7F;
  }
  llvm_unreachable("a format");
}

static APFloat decode(Format format, uint32_t code) {
  if (format == Format::TF32)
    code >>= 13;
  const unsigned width = getWidth(format);
  return APFloat(getSemantics(format), llvm::APInt(width, code & llvm::maskTrailingOnes<uint32_t>(width)));
}

static uint32_t encode(Format format, const APFloat &value) {
  if (value.isNaN())
    return getNaN(format);
  const auto code = static_cast<uint32_t>(value.bitcastToAPInt().getZExtValue());
  return format == Format::TF32 ? code << 13 : code;
}

static APFloat::roundingMode getMode(Rounding rounding) {
  switch (rounding) {
  case Rounding::NearestEven:
    return APFloat::rmNearestTiesToEven;
  case Rounding::NearestAway:
    return APFloat::rmNearestTiesToAway;
  case Rounding::Zero:
    return APFloat::rmTowardZero;
  case Rounding::Down:
    return APFloat::rmTowardNegative;
  case Rounding::Up:
    return APFloat::rmTowardPositive;
  }
  llvm_unreachable("a rounding");
}

static APFloat flushed(APFloat value, bool flush) {
  return flush && value.isDenormal() ? APFloat::getZero(value.getSemantics(), value.isNegative()) : value;
}

static APFloat load(Format format, uint32_t code, FloatOptions options) { return flushed(decode(format, code), options.flush); }

static uint32_t finish(Format format, APFloat value, FloatOptions options) {
  value = flushed(value, options.flush);
  if (options.saturate) {
    const APFloat zero = APFloat::getZero(value.getSemantics()), one(value.getSemantics(), "1");
    if (value.isNaN() || value.isNegative())
      value = zero;
    else if (value > one)
      value = one;
  }
  if (options.relu && value.isNegative() && !value.isNaN())
    value = APFloat::getZero(value.getSemantics());
  return encode(format, value);
}

uint32_t convert(Format from, uint32_t code, Format to, FloatOptions options) {
  // These two only move or drop bits of a NaN.
  if (from == Format::BF16 && to == Format::F32)
    return code << 16;
  APFloat value = load(from, code, options);
  if (to == Format::TF32 && options.rounding == Rounding::NearestAway && value.isNaN())
    return code & ~uint32_t(0x1FFF);
  const bool isByte = to == Format::E4M3 || to == Format::E5M2;
  if (value.isNaN())
    return getNaN(to);
  const bool isNegative = value.isNegative(), wasInfinite = value.isInfinity();
  bool losesInfo = false;
  value.convert(getSemantics(to), getMode(options.rounding), &losesInfo);
  if (isByte && (wasInfinite || !value.isFinite()))
    value = APFloat::getLargest(getSemantics(to), isNegative);
  return finish(to, value, options);
}

uint32_t convertToInteger(uint32_t single, unsigned width, bool isSigned, FloatOptions options) {
  const APFloat value = load(Format::F32, single, options);
  llvm::APSInt result(width, !isSigned);
  bool isExact = false;
  value.convertToInteger(result, getMode(options.rounding), &isExact); // saturates, NaN gives 0
  return static_cast<uint32_t>(isSigned ? result.getSExtValue() : static_cast<int64_t>(result.getZExtValue()));
}

uint32_t convertToSingle(uint32_t integer, bool isSigned) {
  APFloat value(APFloat::IEEEsingle());
  value.convertFromAPInt(llvm::APInt(32, integer), isSigned, APFloat::rmNearestTiesToEven);
  return encode(Format::F32, value);
}

uint32_t roundToIntegral(uint32_t single, FloatOptions options) {
  APFloat value = load(Format::F32, single, options);
  value.roundToIntegral(getMode(options.rounding));
  return finish(Format::F32, value, options);
}

/// What `function` rounds to. A result is flushed when it is subnormal before it is rounded.
static uint32_t rounded(Format format, FloatOptions options, llvm::function_ref<APFloat(APFloat::roundingMode)> function) {
  if (options.flush) {
    const APFloat cut = function(APFloat::rmTowardZero);
    if (cut.isDenormal())
      return finish(format, cut, options);
  }
  return finish(format, function(getMode(options.rounding)), options);
}

uint32_t compute(Arithmetic operation, Format format, uint32_t a, uint32_t b, FloatOptions options) {
  const APFloat left = load(format, a, options), right = load(format, b, options);
  return rounded(format, options, [&](APFloat::roundingMode mode) {
    APFloat value = left;
    switch (operation) {
    case Arithmetic::Add:
      value.add(right, mode);
      break;
    case Arithmetic::Subtract:
      value.subtract(right, mode);
      break;
    case Arithmetic::Multiply:
      value.multiply(right, mode);
      break;
    case Arithmetic::Divide:
      value.divide(right, mode);
      break;
    }
    return value;
  });
}

uint32_t fusedMultiplyAdd(Format format, uint32_t a, uint32_t b, uint32_t c, FloatOptions options) {
  const APFloat left = load(format, a, options), right = load(format, b, options), addend = load(format, c, options);
  return rounded(format, options, [&](APFloat::roundingMode mode) {
    APFloat value = left;
    value.fusedMultiplyAdd(right, addend, mode);
    return value;
  });
}

uint32_t divideApproximately(uint32_t a, uint32_t b) {
  // It multiplies with the reciprocal, and that of a number above 2^126 is lost.
  const APFloat divisor = decode(Format::F32, b), limit = llvm::scalbn(APFloat(1.0f), 126, APFloat::rmTowardZero);
  if (divisor.isFinite() && llvm::abs(divisor) > limit)
    return compute(Arithmetic::Multiply, Format::F32, a, b & 0x80000000);
  return compute(Arithmetic::Divide, Format::F32, a, b);
}

static uint32_t choose(Format format, uint32_t a, uint32_t b, bool keepNaN, bool smaller) {
  const APFloat left = decode(format, a), right = decode(format, b);
  if (left.isNaN() || right.isNaN()) {
    if (keepNaN || (left.isNaN() && right.isNaN()))
      return getNaN(format);
    return encode(format, left.isNaN() ? right : left);
  }
  return encode(format, smaller ? llvm::minimum(left, right) : llvm::maximum(left, right));
}

uint32_t minimum(Format format, uint32_t a, uint32_t b, bool keepNaN) { return choose(format, a, b, keepNaN, true); }
uint32_t maximum(Format format, uint32_t a, uint32_t b, bool keepNaN) { return choose(format, a, b, keepNaN, false); }

/// Sin and Cos are of turns.
static double evaluate(Function function, double x) {
  switch (function) {
  case Function::Exp2:
    return std::exp2(x);
  case Function::Log2:
    return std::log2(x);
  case Function::Reciprocal:
    return 1 / x;
  case Function::ReciprocalSqrt:
    return 1 / std::sqrt(x);
  case Function::Sqrt:
    return std::sqrt(x);
  case Function::Tanh:
    return std::tanh(x);
  case Function::Sin:
    return std::sin(2 * M_PI * std::fmod(x, 1));
  case Function::Cos:
    return std::cos(2 * M_PI * std::fmod(x, 1));
  }
  llvm_unreachable("a function");
}

uint32_t approximate(Function function, Format format, uint32_t code, bool flush) {
  FloatOptions options;
  options.flush = flush;
  APFloat value = load(format, code, options);
  if (function == Function::Sin || function == Function::Cos) // the GPU multiplies first, and loses what large arguments mean
    value.multiply(APFloat(0.15915494f), APFloat::rmTowardZero);
  bool losesInfo = false;
  value.convert(APFloat::IEEEdouble(), APFloat::rmNearestTiesToEven, &losesInfo);
  APFloat result(evaluate(function, value.convertToDouble()));
  result.convert(getSemantics(format), APFloat::rmNearestTiesToEven, &losesInfo);
  return finish(format, result, options);
}

} // namespace mlir::lowbit::sim
