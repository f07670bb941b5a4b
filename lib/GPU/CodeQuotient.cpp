//===- CodeQuotient.cpp - divisions whose quotients become codes ----------===//
// Law: what is called the same was compared at every step from one code to the next.

#include "CodeQuotient.h"
#include <cmath>
#include <limits>

namespace mlir::lowbit {

/// Codes from which on steps are too many to look at.
static constexpr float mostCodes = 1 << 16;

static float getCode(float y, float divisor) { return std::nearbyint(y / divisor); }

/// Whether `find` gives the code of every y between `low` and `high` times the divisor.
template <typename Find> static bool isSame(const CodeQuotient &quotient, Find find) {
  if (!(quotient.high - quotient.low < mostCodes))
    return false;
  constexpr float infinity = std::numeric_limits<float>::infinity();
  auto agrees = [&](float y) { return find(y) == getCode(y, quotient.divisor); };
  float first = quotient.low * quotient.divisor, last = quotient.high * quotient.divisor;
  if (!agrees(first) || !agrees(last))
    return false;
  for (float code = quotient.low; code < quotient.high; ++code) {
    // The first float with the next code, from near it.
    float y = (code + 0.5f) * quotient.divisor;
    while (getCode(y, quotient.divisor) > code)
      y = std::nextafter(y, -infinity);
    while (getCode(y, quotient.divisor) <= code)
      y = std::nextafter(y, infinity);
    if (!agrees(y) || !agrees(std::nextafter(y, -infinity)))
      return false;
  }
  return true;
}

CodeQuotient::CodeQuotient(float divisor, float low, float high)
    : divisor(divisor), low(low), high(high), reciprocal(1.0f / divisor), rest(static_cast<float>(1.0 / divisor - reciprocal)) {}

bool CodeQuotient::isProduct(float shift) const {
  return isSame(*this, [&](float y) { return std::fma(y, reciprocal, shift) - shift; });
}

bool CodeQuotient::isProductAndRest(float shift) const {
  return isSame(*this, [&](float y) {
    volatile float product = y * rest, sum = std::fma(y, reciprocal, product) + shift; // each rounded
    return sum - shift;
  });
}

} // namespace mlir::lowbit
