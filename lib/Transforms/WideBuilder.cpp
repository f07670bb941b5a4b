//===- WideBuilder.cpp - logarithms and powers of f64 ---------------------===//
// Law: exact enough that a result rounded to f32 is within 0.5001 units in the last place; without a branch, and without a table.

#include "WideBuilder.h"

namespace mlir::lowbit {

/// x = 2^n m with m in [sqrt(1/2), sqrt(2)), and log m = 2 atanh((m - 1) / (m + 1)), whose series is cut where its terms are below 2^-45 of
/// it.
Value WideBuilder::log2OfPositive(Value x) {
  constexpr int64_t half = 0x3FE6A09E667F3BCD; // the bits of sqrt(1/2)
  Value bits = toBits(x);
  Value distance = arith::SubIOp::create(b, bits, integer(half));
  Value exponent = arith::ShRSIOp::create(b, distance, integer(52));
  Value n = arith::SIToFPOp::create(b, with(b.getF64Type()), exponent);
  Value shifted = arith::ShLIOp::create(b, exponent, integer(52));
  Value m = toFloat(arith::SubIOp::create(b, bits, shifted));
  Value ratio = div(sub(m, constant(1)), add(m, constant(1)));
  static constexpr double c[] = {1.0, 1.0 / 3, 1.0 / 5, 1.0 / 7, 1.0 / 9, 1.0 / 11, 1.0 / 13, 1.0 / 15};
  constexpr double twiceLog2OfE = 2 * 1.4426950408889634074;
  Value series = mul(polynomial(c, mul(ratio, ratio)), ratio);
  return fma(series, constant(twiceLog2OfE), n);
}

Value WideBuilder::log2(Value x) {
  using P = arith::CmpFPredicate;
  Value log = select(P::OEQ, x, constant(0), constant(-infinity), log2OfPositive(x));
  log = select(P::OEQ, x, constant(infinity), x, log);
  return select(P::OGE, x, constant(0), log, constant(nan));
}

/// 2^n by its exponent, the rest by the series of e^(r log 2), |r| <= 1/2. Adding 1.5 * 2^52 rounds, and leaves n in the lowest bits.
Value WideBuilder::exp2(Value x) {
  Value most = constant(300), least = constant(-300);
  x = select(arith::CmpFPredicate::OLT, x, most, x, most);
  x = select(arith::CmpFPredicate::OGT, x, least, x, least);
  Value shift = constant(0x1.8p52), moved = add(x, shift), r = sub(x, sub(moved, shift));
  static constexpr double c[] = {1.0,       1.0,        1.0 / 2,     1.0 / 6,      1.0 / 24,     1.0 / 120,
                                 1.0 / 720, 1.0 / 5040, 1.0 / 40320, 1.0 / 362880, 1.0 / 3628800};
  Value fraction = polynomial(c, mul(r, constant(0.69314718055994530942)));
  Value exponent = arith::ShLIOp::create(b, toBits(moved), integer(52));
  return toFloat(arith::AddIOp::create(b, toBits(fraction), exponent));
}

/// What is larger than f32 becomes infinity when the result is rounded, what is smaller a subnormal number or zero.
Value WideBuilder::power(Value x, Value y) {
  using P = arith::CmpFPredicate;
  Value zero = constant(0), magnitude = abs(x);
  Value log = select(P::OEQ, magnitude, zero, constant(-infinity), log2OfPositive(magnitude));
  log = select(P::OEQ, magnitude, constant(infinity), magnitude, log);
  Value result = exp2(mul(y, log)); // NaN is put back below

  // Of a negative number: an odd power is negative, and one that is not whole is none. (-0 is no number below 0, but has the sign.)
  Value whole = isWhole(y), odd = arith::AndIOp::create(b, whole, arith::XOrIOp::create(b, isWhole(mul(y, constant(0.5))), whole));
  result = select(arith::AndIOp::create(b, isNegative(x), odd), arith::NegFOp::create(b, result), result);
  Value finite = compare(P::OGT, x, constant(-infinity)), below = compare(P::OLT, x, zero);
  Value none = arith::AndIOp::create(b, arith::AndIOp::create(b, finite, below), compare(P::ONE, math::FloorOp::create(b, y), y));
  none = arith::OrIOp::create(b, none, compare(P::UNO, x, y));
  result = select(none, constant(nan), result);
  Value one = constant(1);
  Value isOne = arith::OrIOp::create(b, compare(P::OEQ, x, one), compare(P::OEQ, y, zero));
  Value endless = compare(P::OEQ, abs(y), constant(infinity));
  isOne = arith::OrIOp::create(b, isOne, arith::AndIOp::create(b, endless, compare(P::OEQ, magnitude, one)));
  return select(isOne, one, result);
}

} // namespace mlir::lowbit
