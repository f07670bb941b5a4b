//===- CodeQuotient.h - divisions whose quotients become codes ------------===//
//
// Of y / c only the code roundeven(y / c) is wanted, for y between a c and b c with integers a and b. Codes are steps: y from some float on
// has the next one. An expression in y that does not fall has the same codes everywhere if it has them on both sides of each step, and at
// both ends, which is few enough floats to look at all of them. Two are looked at, with r + s = 1 / c to the square of f32's precision
// (Brisebarre, Muller and Raina 2004 divide so):
//
//   fma(y, r, shift)                 one operation; the quotient is exact, as by a power of two, or never between two codes
//   fma(y, r, y * s) + shift         three; the quotient is the right one but for a few y
//
// Neither falls: of neighbours y < y', y' r - y r is 2^22 times as much as y s and its rounding can change by.
//
//===----------------------------------------------------------------------===//
#ifndef LOWBIT_LIB_GPU_CODEQUOTIENT_H
#define LOWBIT_LIB_GPU_CODEQUOTIENT_H

namespace mlir::lowbit {

struct CodeQuotient {
  /// `divisor`: c, between 2^-60 and 2^60. `low` and `high`: the integers a <= b.
  CodeQuotient(float divisor, float low, float high);

  /// Whether fma(y, reciprocal, shift) less `shift` is the code of all y. `shift` is an even integer about 1.5 * 2^23.
  bool isProduct(float shift) const;
  /// Whether fma(y, reciprocal, y * rest) + shift is.
  bool isProductAndRest(float shift) const;

  float divisor, low, high, reciprocal, rest;
};

} // namespace mlir::lowbit

#endif // LOWBIT_LIB_GPU_CODEQUOTIENT_H
