//===- ApproximateAngles.cpp - sine, cosine and tangent -------------------===//
// Law: within 1 unit in the last place of f32 (tangent: 2) for every angle, however large; NaN of infinities; -0 of -0. Without a branch,
// without a table and without f64.
//
// Angles are reduced as Payne and Hanek do (Radian Reduction for Trigonometric Functions, 1983): of the bits of 2/pi only those that can
// change the angle by less than whole turns are multiplied, as integers.

#include "ApproximateFunctions.h"
#include "LaneArithmetic.h"
#include <limits>

namespace mlir::lowbit {
namespace {
/// Computes one angle's functions; scalars or vectors of f32, i32 and i64.
class AngleBuilder : LaneArithmetic {
public:
  AngleBuilder(ImplicitLocOpBuilder &b, VectorType vector, Value angle) : LaneArithmetic(b, vector), angle(angle) { reduce(); }

  Value buildSine() {
    Value flipped = xorBits(shiftLeft(quadrant, 30), bits);
    return finish(isOdd(quadrant, cosine, sine), flipped);
  }
  Value buildCosine() {
    Value next = arith::AddIOp::create(b, quadrant, i32(1));
    return finish(isOdd(quadrant, sine, cosine), shiftLeft(next, 30));
  }
  Value buildTangent() {
    Value numerator = isOdd(quadrant, cosine, sine), denominator = isOdd(quadrant, sine, cosine);
    return finish(arith::DivFOp::create(b, numerator, denominator), xorBits(shiftLeft(quadrant, 31), bits));
  }

private:
  void reduce();
  void computeFunctions(Value high, Value low);
  Value buildProduct();

  Value f32(float value) { return splat(b.getF32FloatAttr(value)); }
  Value i32(uint32_t value) { return splat(b.getIntegerAttr(b.getI32Type(), APInt(32, value))); }
  Value i64(int64_t value) { return splat(b.getI64IntegerAttr(value)); }
  Value xorBits(Value x, Value y) { return arith::XOrIOp::create(b, x, y); }
  Value andBits(Value x, Value y) { return arith::AndIOp::create(b, x, y); }
  Value shiftLeft(Value x, unsigned bitCount) { return arith::ShLIOp::create(b, x, i32(bitCount)); }
  Value toLong(Value x) { return arith::ExtUIOp::create(b, with(b.getI64Type()), x); }
  /// An integer of less than 25 bits, exactly.
  Value toFloat(Value x) {
    Value word = arith::TruncIOp::create(b, with(b.getI32Type()), x);
    return arith::SIToFPOp::create(b, with(b.getF32Type()), word);
  }
  Value isOdd(Value number, Value yes, Value no) {
    Value odd = arith::CmpIOp::create(b, arith::CmpIPredicate::ne, andBits(number, i32(1)), i32(0));
    return select(odd, yes, no);
  }
  /// `value` with the sign turned where the highest bit of `flipped` is set; NaN where the angle is no number.
  Value finish(Value value, Value flipped) {
    Value sign = andBits(flipped, i32(0x80000000));
    Value turned = xorBits(arith::BitcastOp::create(b, with(b.getI32Type()), value), sign);
    Value result = arith::BitcastOp::create(b, with(b.getF32Type()), turned);
    Value finite = arith::CmpFOp::create(b, arith::CmpFPredicate::OLT, size, f32(std::numeric_limits<float>::infinity()));
    return select(finite, result, f32(std::numeric_limits<float>::quiet_NaN()));
  }

  Value angle, size, bits;      ///< As given; without its sign; its bits.
  Value quadrant, sine, cosine; ///< Quarter turns, modulo 4; functions of what is left of the angle.
};
} // namespace

/// |angle| * 2/pi modulo 4, times 2^62.
///
/// The angle is m 2^(e - 150), m of 24 bits and e the biased exponent. Bits of 2/pi before the one that stands for 2^(151 - e) make whole
/// turns; the 96 bits from there on are three words, of which the product keeps the upper 64 bits. What is left out is below 2^-61.
Value AngleBuilder::buildProduct() {
  // A word of zeros, then 2/pi.
  static constexpr uint32_t words[] = {0x00000000, 0xa2f9836e, 0x4e441529, 0xfc2757d1, 0xf534ddc0, 0xdb629599, 0x3c439041, 0xfe5163ab};
  Value magnitude = andBits(bits, i32(0x7fffffff));
  Value exponent = arith::ShRUIOp::create(b, magnitude, i32(23));
  Value mantissa = arith::OrIOp::create(b, andBits(bits, i32(0x007fffff)), i32(0x00800000));
  Value start = arith::SubIOp::create(b, exponent, i32(120)); // 6 to 134, in bits of `words`, where the product counts
  Value first = arith::ShRUIOp::create(b, start, i32(5)), within = andBits(start, i32(31));
  SmallVector<Value> chosen;
  for (unsigned i = 0; i < 4; ++i)
    chosen.push_back(i32(words[i]));
  for (unsigned begin = 1; begin <= 4; ++begin) {
    Value here = arith::CmpIOp::create(b, arith::CmpIPredicate::eq, first, i32(begin));
    for (unsigned i = 0; i < 4; ++i)
      chosen[i] = select(here, i32(words[begin + i]), chosen[i]);
  }
  Value rest = arith::SubIOp::create(b, i32(31), within);
  auto takeWord = [&](unsigned i) {
    Value upper = arith::ShLIOp::create(b, chosen[i], within);
    Value lower = arith::ShRUIOp::create(b, arith::ShRUIOp::create(b, chosen[i + 1], i32(1)), rest);
    return arith::OrIOp::create(b, upper, lower);
  };
  Value m = toLong(mantissa);
  Value upper = arith::ShLIOp::create(b, toLong(arith::MulIOp::create(b, mantissa, takeWord(0))), i64(32));
  Value middle = arith::MulIOp::create(b, m, toLong(takeWord(1)));
  Value lower = arith::ShRUIOp::create(b, arith::MulIOp::create(b, m, toLong(takeWord(2))), i64(32));
  return arith::AddIOp::create(b, arith::AddIOp::create(b, upper, middle), lower);
}

/// The nearest quarter turn, and what is left, at most pi/4, as two floats.
void AngleBuilder::reduce() {
  bits = arith::BitcastOp::create(b, with(b.getI32Type()), angle);
  size = math::AbsFOp::create(b, angle);
  Value product = buildProduct();
  Value rounded = arith::ShRUIOp::create(b, arith::AddIOp::create(b, product, i64(int64_t(1) << 61)), i64(62));
  Value fraction = arith::ShRSIOp::create(b, arith::ShLIOp::create(b, product, i64(2)), i64(2));
  // Three floats that are exact, then two.
  Value head = mul(toFloat(arith::ShRSIOp::create(b, fraction, i64(40))), f32(0x1p40f));
  Value body = mul(toFloat(andBits(arith::ShRSIOp::create(b, fraction, i64(16)), i64(0xffffff))), f32(0x1p16f));
  Value tail = toFloat(andBits(fraction, i64(0xffff)));
  Value sum = add(head, body), error = add(sub(body, sub(sum, head)), tail);
  // pi/2 * 2^-62, as two floats, too.
  Value unit = f32(0x1.921fb6p-62f), unitError = f32(-0x1.777a5cp-87f);
  Value high = mul(sum, unit);
  Value low = fma(error, unit, fma(sum, unitError, fma(sum, unit, arith::NegFOp::create(b, high))));
  // A small angle is what it is, to its last bit.
  Value small = arith::CmpFOp::create(b, arith::CmpFPredicate::OLT, size, f32(0.78515625f));
  quadrant = select(small, i32(0), arith::TruncIOp::create(b, with(b.getI32Type()), rounded));
  computeFunctions(select(small, size, high), select(small, f32(0), low));
}

/// Of |high + low| <= pi/4: minimax polynomials of (sin r - r) / r^3 and (cos r - 1 + r^2 / 2) / r^4 in r^2, below 2^-37 of the function.
void AngleBuilder::computeFunctions(Value high, Value low) {
  auto cubic = [&](ArrayRef<float> c, Value x) { return fma(fma(fma(f32(c[3]), x, f32(c[2])), x, f32(c[1])), x, f32(c[0])); };
  Value square = mul(high, high), squareError = fma(high, high, arith::NegFOp::create(b, square));
  Value sineTail = mul(mul(high, square), cubic({-0x1.555556p-3f, 0x1.111108p-7f, -0x1.a00f74p-13f, 0x1.6ccf68p-19f}, square));
  sine = add(high, fma(low, fma(square, f32(-0.5f), f32(1)), sineTail));
  // 1 - r^2 / 2 loses bits of the half, which come back with the rest.
  Value half = mul(square, f32(0.5f)), most = sub(f32(1), half), lost = sub(sub(f32(1), most), half);
  Value errors = fma(f32(-0.5f), squareError, arith::NegFOp::create(b, mul(high, low)));
  Value cosineTail = mul(mul(square, square), cubic({0x1.555556p-5f, -0x1.6c16b8p-10f, 0x1.a010d6p-16f, -0x1.241cacp-22f}, square));
  cosine = add(most, add(add(lost, errors), cosineTail));
}

namespace {
template <typename OpTy, Value (AngleBuilder::*...functions)()> struct ApproximateAngle final : OpRewritePattern<OpTy> {
  using OpRewritePattern<OpTy>::OpRewritePattern;

  LogicalResult matchAndRewrite(OpTy op, PatternRewriter &rewriter) const override {
    Type type = op.getOperand().getType(), element = getElementTypeOrSelf(type);
    auto vector = dyn_cast<VectorType>(type);
    if (element.getIntOrFloatBitWidth() > 32)
      return rewriter.notifyMatchFailure(op, "wider than f32");
    if (!vector && isa<ShapedType>(type))
      return rewriter.notifyMatchFailure(op, "neither a scalar nor a vector");
    ImplicitLocOpBuilder b(op.getLoc(), rewriter);
    Type f32 = vector ? Type(vector.clone(b.getF32Type())) : Type(b.getF32Type());
    Value angle = element.isF32() ? op.getOperand() : arith::ExtFOp::create(b, f32, op.getOperand()).getResult();
    AngleBuilder builder(b, vector, angle);
    SmallVector<Value> results = {(builder.*functions)()...};
    if (!element.isF32())
      for (Value &result : results)
        result = arith::TruncFOp::create(b, type, result);
    rewriter.replaceOp(op, results);
    return success();
  }
};
} // namespace

void populateApproximateAnglePatterns(RewritePatternSet &patterns) {
  patterns.add<ApproximateAngle<math::SinOp, &AngleBuilder::buildSine>, ApproximateAngle<math::CosOp, &AngleBuilder::buildCosine>,
               ApproximateAngle<math::TanOp, &AngleBuilder::buildTangent>,
               ApproximateAngle<math::SincosOp, &AngleBuilder::buildSine, &AngleBuilder::buildCosine>>(patterns.getContext());
}

} // namespace mlir::lowbit
