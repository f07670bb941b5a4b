//===- ApproximatePower.cpp - powers of floats ----------------------------===//
// Law: as pow of C (annex F) has it, rounded once from f64, where nothing of f32 overflows; without a branch.

#include "ApproximatePower.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include <limits>

namespace mlir::lowbit {
namespace {
/// Arithmetic on f64 scalars or vectors, and the integers and truths of their size.
class WideBuilder {
public:
  WideBuilder(ImplicitLocOpBuilder &b, VectorType vector) : b(b), vector(vector) {}

  Type with(Type element) { return vector ? Type(vector.clone(element)) : element; }
  Value splat(TypedAttr value) {
    if (vector)
      value = DenseElementsAttr::get(vector.clone(value.getType()), value);
    return arith::ConstantOp::create(b, value);
  }
  Value constant(double value) { return splat(b.getF64FloatAttr(value)); }
  Value integer(int64_t value) { return splat(b.getI64IntegerAttr(value)); }
  Value compare(arith::CmpFPredicate predicate, Value x, Value y) { return arith::CmpFOp::create(b, predicate, x, y); }
  Value select(Value condition, Value yes, Value no) { return arith::SelectOp::create(b, condition, yes, no); }
  Value fma(Value x, Value y, Value z) { return math::FmaOp::create(b, x, y, z); }
  Value mul(Value x, Value y) { return arith::MulFOp::create(b, x, y); }
  Value add(Value x, Value y) { return arith::AddFOp::create(b, x, y); }
  Value sub(Value x, Value y) { return arith::SubFOp::create(b, x, y); }
  Value toBits(Value x) { return arith::BitcastOp::create(b, with(b.getI64Type()), x); }
  Value toFloat(Value bits) { return arith::BitcastOp::create(b, with(b.getF64Type()), bits); }
  /// c[0] + c[1] x + …, by Horner's rule.
  Value polynomial(ArrayRef<double> c, Value x) {
    Value sum = constant(c.back());
    for (double coefficient : llvm::reverse(c.drop_back()))
      sum = fma(sum, x, constant(coefficient));
    return sum;
  }
  Value isWhole(Value x) { return compare(arith::CmpFPredicate::OEQ, math::FloorOp::create(b, x), x); }

  ImplicitLocOpBuilder &b;

private:
  VectorType vector;
};
} // namespace

static constexpr double infinity = std::numeric_limits<double>::infinity();

/// log2 of a positive number: x = 2^n m with m in [sqrt(1/2), sqrt(2)), and log m = 2 atanh((m - 1) / (m + 1)), whose series is cut where
/// its terms are below 2^-45 of it.
static Value buildLog2(WideBuilder &f, Value x) {
  constexpr int64_t half = 0x3FE6A09E667F3BCD; // the bits of sqrt(1/2)
  Value bits = f.toBits(x);
  Value distance = arith::SubIOp::create(f.b, bits, f.integer(half));
  Value exponent = arith::ShRSIOp::create(f.b, distance, f.integer(52));
  Value n = arith::SIToFPOp::create(f.b, f.with(f.b.getF64Type()), exponent);
  Value shifted = arith::ShLIOp::create(f.b, exponent, f.integer(52));
  Value m = f.toFloat(arith::SubIOp::create(f.b, bits, shifted));
  Value ratio = arith::DivFOp::create(f.b, f.sub(m, f.constant(1)), f.add(m, f.constant(1)));
  static constexpr double c[] = {1.0, 1.0 / 3, 1.0 / 5, 1.0 / 7, 1.0 / 9, 1.0 / 11, 1.0 / 13, 1.0 / 15};
  constexpr double twiceLog2OfE = 2 * 1.4426950408889634074;
  Value series = f.mul(f.polynomial(c, f.mul(ratio, ratio)), ratio);
  return f.fma(series, f.constant(twiceLog2OfE), n);
}

/// 2^x for |x| <= 1000: 2^n by its exponent, the rest by the series of e^(r log 2), |r| <= 1/2. Adding 1.5 * 2^52 rounds, and leaves n in
/// the lowest bits.
static Value buildExp2(WideBuilder &f, Value x) {
  Value shift = f.constant(0x1.8p52), moved = f.add(x, shift), r = f.sub(x, f.sub(moved, shift));
  static constexpr double c[] = {1.0,       1.0,        1.0 / 2,     1.0 / 6,      1.0 / 24,     1.0 / 120,
                                 1.0 / 720, 1.0 / 5040, 1.0 / 40320, 1.0 / 362880, 1.0 / 3628800};
  Value fraction = f.polynomial(c, f.mul(r, f.constant(0.69314718055994530942)));
  Value exponent = arith::ShLIOp::create(f.b, f.toBits(moved), f.integer(52));
  return f.toFloat(arith::AddIOp::create(f.b, f.toBits(fraction), exponent));
}

/// x^y. What is larger than f32 becomes infinity when the result is rounded, what is smaller a subnormal number or zero.
static Value buildPower(WideBuilder &f, Value x, Value y) {
  using P = arith::CmpFPredicate;
  Value zero = f.constant(0), magnitude = math::AbsFOp::create(f.b, x);
  Value log = f.select(f.compare(P::OEQ, magnitude, zero), f.constant(-infinity), buildLog2(f, magnitude));
  log = f.select(f.compare(P::OEQ, magnitude, f.constant(infinity)), magnitude, log);
  Value power = f.mul(y, log), most = f.constant(300), least = f.constant(-300);
  // NaN passes no comparison: it is put back below.
  Value held = f.select(f.compare(P::OLT, power, most), power, most);
  held = f.select(f.compare(P::OGT, held, least), held, least);
  Value result = buildExp2(f, held);

  // Of a negative number: an odd power is negative, and one that is not whole is none. (-0 is no number below 0, but has the sign.)
  Value negative = arith::CmpIOp::create(f.b, arith::CmpIPredicate::slt, f.toBits(x), f.integer(0));
  Value whole = f.isWhole(y),
        odd = arith::AndIOp::create(f.b, whole, arith::XOrIOp::create(f.b, f.isWhole(f.mul(y, f.constant(0.5))), whole));
  result = f.select(arith::AndIOp::create(f.b, negative, odd), arith::NegFOp::create(f.b, result), result);
  Value nan = f.constant(std::numeric_limits<double>::quiet_NaN());
  Value finite = f.compare(P::OGT, x, f.constant(-infinity)), below = f.compare(P::OLT, x, zero);
  Value none = arith::AndIOp::create(f.b, arith::AndIOp::create(f.b, finite, below), f.compare(P::ONE, math::FloorOp::create(f.b, y), y));
  none = arith::OrIOp::create(f.b, none, f.compare(P::UNO, x, y));
  result = f.select(none, nan, result);
  Value one = f.constant(1);
  Value isOne = arith::OrIOp::create(f.b, f.compare(P::OEQ, x, one), f.compare(P::OEQ, y, zero));
  Value endless = f.compare(P::OEQ, math::AbsFOp::create(f.b, y), f.constant(infinity));
  isOne = arith::OrIOp::create(f.b, isOne, arith::AndIOp::create(f.b, endless, f.compare(P::OEQ, magnitude, one)));
  return f.select(isOne, one, result);
}

namespace {
struct ApproximatePower final : OpRewritePattern<math::PowFOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(math::PowFOp op, PatternRewriter &rewriter) const override {
    Type type = op.getType(), element = getElementTypeOrSelf(type);
    auto vector = dyn_cast<VectorType>(type);
    if (element.getIntOrFloatBitWidth() > 32)
      return rewriter.notifyMatchFailure(op, "wider than f32");
    if (!vector && isa<ShapedType>(type))
      return rewriter.notifyMatchFailure(op, "neither a scalar nor a vector");
    ImplicitLocOpBuilder b(op.getLoc(), rewriter);
    WideBuilder f(b, vector);
    Value x = arith::ExtFOp::create(b, f.with(b.getF64Type()), op.getLhs());
    Value y = arith::ExtFOp::create(b, f.with(b.getF64Type()), op.getRhs());
    // f64 to f32 first: from there on a narrower float rounds as it does of other functions.
    Value result = arith::TruncFOp::create(b, f.with(b.getF32Type()), buildPower(f, x, y));
    rewriter.replaceOp(op, element.isF32() ? result : arith::TruncFOp::create(b, type, result).getResult());
    return success();
  }
};
} // namespace

void populateApproximatePowerPatterns(RewritePatternSet &patterns) { patterns.add<ApproximatePower>(patterns.getContext()); }

} // namespace mlir::lowbit
