//===- MatrixStep.cpp - how tensor cores add products of halves -----------===//
// Law: every bit of the recordings (test/Integration/GPU/test_float_order.py, test_float8.py). Shares nothing with the simulator's model of
// the instruction, which computes in integers alone.

#include "MatrixStep.h"
#include "lowbit/Formats/Build.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

namespace mlir::lowbit {

/// Of sums of 8-bit floats: bits of the fraction, and bits of an f32 that go.
static constexpr int64_t float8Bits = 13, float8Rest = 23 - float8Bits;
/// Below all exponents; 2 to it, and to the negative of it, are numbers of f64.
static constexpr int64_t noExponent = -500;

namespace {
/// Scalars, with the constants of their types.
class Scalars : public ImplicitLocOpBuilder {
public:
  using ImplicitLocOpBuilder::ImplicitLocOpBuilder;

  Value integer(Type type, int64_t value) { return arith::ConstantOp::create(*this, getIntegerAttr(type, value)); }
  Value real(double value) { return arith::ConstantOp::create(*this, getF64FloatAttr(value)); }
  Value select(Value condition, Value yes, Value no) { return arith::SelectOp::create(*this, condition, yes, no); }
  Value compare(arith::CmpFPredicate predicate, Value x, Value y) { return arith::CmpFOp::create(*this, predicate, x, y); }
  Value isNotZero(Value x) {
    return compare(arith::CmpFPredicate::UNE, x, arith::ConstantOp::create(*this, getFloatAttr(x.getType(), 0.0)));
  }
  Value isFinite(Value real64) {
    Value limit = real(std::numeric_limits<double>::infinity());
    return compare(arith::CmpFPredicate::OLT, math::AbsFOp::create(*this, real64), limit);
  }

  /// The exponent of an f32, i32: no less than `smallest`.
  Value getExponent(Value x, int64_t smallest) {
    Type i32 = getI32Type();
    Value field = arith::ShRUIOp::create(*this, arith::BitcastOp::create(*this, i32, x), integer(i32, 23));
    Value biased = arith::AndIOp::create(*this, field, integer(i32, 255));
    return arith::MaxSIOp::create(*this, arith::SubIOp::create(*this, biased, integer(i32, 127)), integer(i32, smallest));
  }

  /// 2 to an i32, as f64.
  Value getPower(Value exponent) {
    Type i64 = getI64Type();
    Value wide = arith::AddIOp::create(*this, arith::ExtSIOp::create(*this, i64, exponent), integer(i64, 1023));
    return arith::BitcastOp::create(*this, getF64Type(), arith::ShLIOp::create(*this, wide, integer(i64, 52)));
  }

  /// The integer part of a finite number below 2^62, cut toward zero; 0 for others.
  Value cut(Value real64) {
    Value finite = select(isFinite(real64), real64, real(0));
    return arith::FPToSIOp::create(*this, getI64Type(), finite);
  }

  /// A factor as f32, which is exact.
  Value widen(Value factor) { return buildAsF32(*this, getLoc(), factor); }

  /// An f64 as f32, cut toward zero; from 2^128 on, infinity.
  Value cutToSingle(Value real64) {
    Type i32 = getI32Type();
    Value nearest = arith::TruncFOp::create(*this, getF32Type(), real64);
    Value size = math::AbsFOp::create(*this, real64);
    Value back = math::AbsFOp::create(*this, arith::ExtFOp::create(*this, getF64Type(), nearest));
    Value bits = arith::BitcastOp::create(*this, i32, nearest);
    // One less in its bits is the next number toward zero.
    Value below = arith::BitcastOp::create(*this, getF32Type(), arith::SubIOp::create(*this, bits, integer(i32, 1)));
    Value isBeyond = compare(arith::CmpFPredicate::OGT, back, size), isSmall = compare(arith::CmpFPredicate::OLT, size, real(0x1p128));
    return select(arith::AndIOp::create(*this, isBeyond, isSmall), below, nearest);
  }
};
} // namespace

Value buildMatrixStep(OpBuilder &builder, Location loc, Value sum, int64_t count,
                      function_ref<std::pair<Value, Value>(OpBuilder &, Value)> load) {
  Scalars b(loc, builder);
  Type i32 = b.getI32Type();
  Value first = arith::ConstantIndexOp::create(b, 0), step = arith::ConstantIndexOp::create(b, 1);
  Value end = arith::ConstantIndexOp::create(b, count);
  // In f64 products of halves are exact, and sums of them overflow only where a term does.
  auto getProduct = [](Scalars &s, Value left, Value right) {
    Type f64 = s.getF64Type();
    auto widen = [&](Value factor) { return arith::ExtFOp::create(s, f64, s.widen(factor)).getResult(); };
    return arith::MulFOp::create(s, widen(left), widen(right)).getResult();
  };
  bool areFloats8 = false;

  Value none = b.integer(i32, noExponent), start = b.select(b.isNotZero(sum), b.getExponent(sum, -126), none);
  auto largest = scf::ForOp::create(b, first, end, step, start, [&](OpBuilder &nested, Location, Value index, ValueRange carried) {
    Scalars s(loc, nested);
    auto [left, right] = load(nested, index);
    areFloats8 = left.getType().getIntOrFloatBitWidth() == 8;
    auto exponent = [&](Value x) {
      return s.getExponent(s.widen(x), APFloat::semanticsMinExponent(cast<FloatType>(x.getType()).getFloatSemantics()));
    };
    Value both = arith::AddIOp::create(s, exponent(left), exponent(right));
    Value counts = arith::AndIOp::create(s, s.isNotZero(s.widen(left)), s.isNotZero(s.widen(right)));
    Value found = s.select(counts, both, none);
    scf::YieldOp::create(s, ValueRange{arith::MaxSIOp::create(s, carried[0], found)});
  });

  Value unit = arith::SubIOp::create(b, largest.getResult(0), b.integer(i32, areFloats8 ? float8Bits : 25));
  Value scale = b.getPower(arith::SubIOp::create(b, b.integer(i32, 0), unit));
  Value wideSum = arith::ExtFOp::create(b, b.getF64Type(), sum);
  Value cutSum = b.cut(arith::MulFOp::create(b, wideSum, scale));
  auto added = scf::ForOp::create(b, first, end, step, ValueRange{cutSum, wideSum},
                                  [&](OpBuilder &nested, Location, Value index, ValueRange carried) {
                                    Scalars s(loc, nested);
                                    auto [left, right] = load(nested, index);
                                    Value product = getProduct(s, left, right);
                                    Value units = s.cut(arith::MulFOp::create(s, product, scale));
                                    Value integers = arith::AddIOp::create(s, carried[0], units);
                                    scf::YieldOp::create(s, ValueRange{integers, arith::AddFOp::create(s, carried[1], product)});
                                  });

  Value exact = arith::MulFOp::create(b, arith::SIToFPOp::create(b, b.getF64Type(), added.getResult(0)), b.getPower(unit));
  Value finite = b.cutToSingle(exact);
  if (areFloats8) {
    Value kept = arith::AndIOp::create(b, arith::BitcastOp::create(b, i32, finite), b.integer(i32, -(int64_t(1) << float8Rest)));
    finite = arith::BitcastOp::create(b, b.getF32Type(), kept);
  }
  // Where a term is infinite or NaN, so is their plain sum.
  Value plain = added.getResult(1), single = arith::TruncFOp::create(b, b.getF32Type(), plain);
  Value nan = arith::BitcastOp::create(b, b.getF32Type(), b.integer(i32, 0x7FFFFFFF));
  Value special = b.select(b.compare(arith::CmpFPredicate::UNO, plain, plain), nan, single);
  return b.select(b.isFinite(plain), finite, special);
}

} // namespace mlir::lowbit
