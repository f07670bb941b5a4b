//===- FloatMma.cpp - how tensor cores add products of floats -------------===//
#include "lowbit/Execution/Sim/FloatMma.h"
#include "lowbit/Execution/Sim/SmallFloats.h"
#include <algorithm>
#include <cstdlib>
#include <cstring>

namespace mlir::lowbit::sim {

namespace {
struct Layout {
  unsigned bytes, mantissa, exponent;
  bool hasInfinity;
  unsigned unusedBits = 0;
  int bias() const { return (1 << (exponent - 1)) - 1; }
};

/// A term of a sum: value * 2^exponent, and the exponent that aligns it.
struct Term {
  int64_t value;
  int exponent, alignment;
};
} // namespace

static constexpr Layout kHalf{2, 10, 5, true}, kSingle{4, 23, 8, true};
static constexpr uint32_t kHalfNaN = 0x7FFF, kSingleNaN = 0x7FFFFFFF;

static Layout getLayout(FloatType type) {
  switch (type) {
  case FloatType::F16:
    return kHalf;
  case FloatType::BF16:
    return {2, 7, 8, true};
  case FloatType::TF32:
    return {4, 10, 8, true, 13};
  case FloatType::E4M3:
    return {1, 3, 4, false};
  case FloatType::E5M2:
    return {1, 2, 5, true};
  }
  std::abort();
}

unsigned getBytes(FloatType type) { return getLayout(type).bytes; }

static Unpacked unpack(Layout layout, uint32_t code) {
  code >>= layout.unusedBits;
  const uint32_t top = (1u << layout.exponent) - 1, ones = (1u << layout.mantissa) - 1;
  const uint32_t exponent = code >> layout.mantissa & top, mantissa = code & ones;
  Unpacked result{Unpacked::Finite, (code >> (layout.mantissa + layout.exponent) & 1) != 0, 0, 0};
  if (exponent == top && layout.hasInfinity)
    result.kind = mantissa ? Unpacked::NaN : Unpacked::Infinite;
  else if (exponent == top && mantissa == ones)
    result.kind = Unpacked::NaN;
  result.significand = static_cast<int32_t>(exponent ? mantissa | (ones + 1) : mantissa);
  result.exponent = static_cast<int>(std::max(exponent, 1u)) - layout.bias();
  return result;
}

FloatRow::FloatRow(FloatType type, const uint8_t *bytes, unsigned numBytes) {
  const Layout layout = getLayout(type);
  count = numBytes / layout.bytes;
  mantissa = layout.mantissa;
  for (unsigned i = 0; i < count; ++i) {
    uint32_t code = 0;
    std::memcpy(&code, bytes + i * layout.bytes, layout.bytes);
    elements[i] = unpack(layout, code);
  }
}

static Term makeTerm(const Unpacked &number, unsigned mantissa) {
  const int64_t value = number.isNegative ? -int64_t(number.significand) : number.significand;
  return {value, number.exponent - static_cast<int>(mantissa), number.exponent};
}

/// value * 2^from in units of 2^to, cut toward zero.
static int64_t cut(int64_t value, int from, int to) {
  const int right = to - from;
  if (right <= 0)
    return value << -right; // by a few bits: fraction - mantissa at most
  const int64_t magnitude = right > 62 ? 0 : std::abs(value) >> right;
  return value < 0 ? -magnitude : magnitude;
}

/// The code of value * 2^unit.
static uint32_t pack(Layout layout, int64_t value, int unit, bool toNearest, unsigned keptMantissa) {
  const uint32_t sign = value < 0 ? 1u << (layout.mantissa + layout.exponent) : 0;
  auto magnitude = static_cast<uint64_t>(std::abs(value));
  if (!magnitude)
    return 0;
  const int mantissa = static_cast<int>(layout.mantissa), smallest = 1 - layout.bias() - mantissa;
  const int highest = 63 - __builtin_clzll(magnitude) + unit;
  int lowest = std::max(highest - mantissa, smallest);
  const int right = lowest - unit;
  uint64_t kept = right > 62 ? 0 : right > 0 ? magnitude >> right : magnitude << -right;
  if (toNearest && right > 0 && right <= 62) {
    const uint64_t rest = magnitude - (kept << right), half = uint64_t(1) << (right - 1);
    kept += rest > half || (rest == half && (kept & 1));
    if (kept >> (mantissa + 1)) {
      kept >>= 1;
      ++lowest;
    }
  }
  kept &= ~uint64_t(0) << (mantissa - static_cast<int>(keptMantissa));
  if (!(kept >> mantissa))
    return sign | static_cast<uint32_t>(kept);
  const int exponent = lowest + mantissa + layout.bias();
  const int top = (1 << layout.exponent) - 1;
  if (exponent >= top)
    return sign | static_cast<uint32_t>(top) << mantissa;
  return sign | static_cast<uint32_t>(exponent) << mantissa | static_cast<uint32_t>(kept & ((uint64_t(1) << mantissa) - 1));
}

uint32_t addProducts(Precision precision, const FloatRow &a, const FloatRow &b, uint32_t c, bool negate) {
  constexpr unsigned kMaxTerms = 33;
  const Layout result = precision.half ? kHalf : kSingle;
  const uint32_t nan = precision.half ? kHalfNaN : kSingleNaN;
  Term terms[kMaxTerms];
  unsigned used = 0;
  bool hasInfinity[2] = {};

  const Unpacked start = unpack(result, c);
  if (start.kind == Unpacked::NaN)
    return nan;
  if (start.kind == Unpacked::Infinite)
    hasInfinity[start.isNegative] = true;
  else if (start.significand)
    terms[used++] = makeTerm(start, result.mantissa);

  for (unsigned i = 0; i < a.count; ++i) {
    const Unpacked &left = a.elements[i], &right = b.elements[i];
    if (left.kind == Unpacked::NaN || right.kind == Unpacked::NaN)
      return nan;
    const bool isNegative = left.isNegative != right.isNegative != negate;
    if (left.kind == Unpacked::Infinite || right.kind == Unpacked::Infinite) {
      const Unpacked &other = left.kind == Unpacked::Infinite ? right : left;
      if (other.kind == Unpacked::Finite && !other.significand)
        return nan;
      hasInfinity[isNegative] = true;
      continue;
    }
    const Unpacked product{Unpacked::Finite, isNegative, left.significand * right.significand, left.exponent + right.exponent};
    if (product.significand)
      terms[used++] = makeTerm(product, a.mantissa + b.mantissa);
  }
  if (hasInfinity[0] || hasInfinity[1])
    return hasInfinity[0] && hasInfinity[1] ? nan : pack(result, hasInfinity[1] ? -1 : 1, 1 << 10, false, result.mantissa);

  int alignment = INT32_MIN;
  for (unsigned i = 0; i < used; ++i)
    alignment = std::max(alignment, terms[i].alignment);
  int64_t sum = 0;
  const int unit = alignment - static_cast<int>(precision.fraction);
  for (unsigned i = 0; i < used; ++i)
    sum += cut(terms[i].value, terms[i].exponent, unit);
  return pack(result, sum, unit, /*toNearest=*/precision.half, precision.half ? result.mantissa : precision.mantissa);
}

static uint16_t toHalf(FloatType type, uint8_t code) {
  return static_cast<uint16_t>(convert(type == FloatType::E4M3 ? Format::E4M3 : Format::E5M2, code, Format::F16));
}

/// The bytes of a row with k % 4 < 2, or the others, as f16.
static FloatRow unpackHalves(FloatType type, const uint8_t *bytes, unsigned count, bool upper) {
  uint16_t halves[16];
  unsigned used = 0;
  for (unsigned k = 0; k < count; ++k)
    if ((k % 4 >= 2) == upper)
      halves[used++] = toHalf(type, bytes[k]);
  return FloatRow(FloatType::F16, reinterpret_cast<uint8_t *>(halves), 2 * used);
}

void mmaSync(const FloatMma &form, Reads a, Reads b, Reads c, Writes d) {
  const Operands operands(a, b, 16, form.rowBytes);
  Precision precision;
  precision.half = form.half;
  // Steps of the two 8-bit forms come one after the other.
  const bool isByte = getBytes(form.a) == 1;
  FloatRow left[2][16], right[2][8];
  for (unsigned step = 0; step < (isByte ? 2u : 1u); ++step) {
    auto unpackRow = [&](FloatType type, const uint8_t *row) {
      return isByte ? unpackHalves(type, row, form.rowBytes, step) : FloatRow(type, row, form.rowBytes);
    };
    for (unsigned row = 0; row < 16; ++row)
      left[step][row] = unpackRow(form.a, operands.a[row]);
    for (unsigned row = 0; row < 8; ++row)
      right[step][row] = unpackRow(form.b, operands.b[row]);
  }
  auto element = [&](unsigned row, unsigned column, uint32_t start) {
    const uint32_t sum = addProducts(precision, left[0][row], right[0][column], isByte ? 0 : start);
    if (!isByte)
      return sum;
    return compute(Arithmetic::Add, form.half ? Format::F16 : Format::F32, start,
                   addProducts(precision, left[1][row], right[1][column], sum));
  };
  for (unsigned lane = 0; lane < kLanes; ++lane)
    for (unsigned r = 0; r < 4; ++r) {
      const unsigned row = rowOfC(lane, r), column = columnOfC(lane, r);
      if (!form.half) {
        d[lane][r] = element(row, column, c[lane][r]);
        continue;
      }
      const unsigned shift = 16 * (r % 2);
      const uint32_t value = element(row, column, c[lane][r / 2] >> shift & 0xFFFF);
      d[lane][r / 2] = (d[lane][r / 2] & ~(0xFFFFu << shift)) | value << shift;
    }
}

} // namespace mlir::lowbit::sim
