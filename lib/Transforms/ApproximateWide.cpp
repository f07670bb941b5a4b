//===- ApproximateWide.cpp - functions that are computed in f64 -----------===//
// Law: infinities, NaN, zeros and their signs as C (annex F) has them; within 0.5001 units in the last place of f32, subnormal results,
// too.

#include "ApproximateFunctions.h"
#include "WideBuilder.h"
#include "mlir/IR/Matchers.h"

namespace mlir::lowbit {
using P = arith::CmpFPredicate;

static constexpr double pi = 3.14159265358979323846, logOf2 = 0.69314718055994530942, log2OfE = 1.44269504088896340736;

static Value orNaN(WideBuilder &f, Value x, Value result) { return f.select(P::ORD, x, x, result, f.constant(WideBuilder::nan)); }

/// `far`, but below 2^-6, where differences would cancel, x (1 + c[0] x^2 + …); odd.
static Value withSeries(WideBuilder &f, Value x, ArrayRef<double> c, Value far) {
  Value square = f.mul(x, x), near = f.fma(f.mul(x, square), f.polynomial(c, square), x);
  return f.copySign(f.select(P::OLT, f.abs(x), f.constant(0x1p-6), near, far), x);
}

static Value buildExp(WideBuilder &f, Value x) { return f.exp2(f.mul(x, f.constant(log2OfE))); }
static Value buildLog(WideBuilder &f, Value x) { return f.mul(f.log2(x), f.constant(logOf2)); }

static Value buildSinh(WideBuilder &f, Value x) {
  Value power = buildExp(f, f.abs(x)), far = f.mul(f.constant(0.5), f.sub(power, f.div(f.constant(1), power)));
  return orNaN(f, x, withSeries(f, x, {1.0 / 6, 1.0 / 120}, far));
}

static Value buildCosh(WideBuilder &f, Value x) {
  Value power = buildExp(f, f.abs(x));
  return orNaN(f, x, f.mul(f.constant(0.5), f.add(power, f.div(f.constant(1), power))));
}

static Value buildAsinh(WideBuilder &f, Value x) {
  Value size = f.abs(x), root = f.sqrt(f.fma(size, size, f.constant(1)));
  return orNaN(f, x, withSeries(f, x, {-1.0 / 6, 3.0 / 40}, buildLog(f, f.add(size, root))));
}

static Value buildAcosh(WideBuilder &f, Value x) {
  Value one = f.constant(1);
  Value result = buildLog(f, f.add(x, f.sqrt(f.mul(f.sub(x, one), f.add(x, one)))));
  return f.select(P::OGE, x, one, result, f.constant(WideBuilder::nan));
}

static Value buildAtanh(WideBuilder &f, Value x) {
  Value one = f.constant(1), size = f.abs(x), ratio = f.div(f.add(one, size), f.sub(one, size));
  Value far = f.mul(f.constant(0.5), buildLog(f, ratio));
  return f.select(P::OLE, size, one, withSeries(f, x, {1.0 / 3, 1.0 / 5}, far), f.constant(WideBuilder::nan));
}

/// The angle of (x, y). The smaller of both by the larger one is in [0, 1]; above tan(pi/8) it is turned by pi/4, so that the series of
/// atan, of numbers up to tan(pi/8), is cut where its terms are below 2^-45.
static Value buildAngle(WideBuilder &f, Value y, Value x) {
  Value zero = f.constant(0), one = f.constant(1), height = f.abs(y), width = f.abs(x);
  Value steep = f.compare(P::OGT, height, width);
  Value large = f.select(steep, height, width), small = f.select(steep, width, height);
  Value ratio = f.div(small, large);
  ratio = f.select(P::OEQ, small, f.constant(WideBuilder::infinity), one, ratio);
  ratio = f.select(P::OEQ, small, zero, zero, ratio);
  Value turned = f.compare(P::OGT, ratio, f.constant(0.41421356237309504880));
  Value rest = f.select(turned, f.div(f.sub(ratio, one), f.add(ratio, one)), ratio);
  SmallVector<double> c;
  for (int i = 0; i < 16; ++i)
    c.push_back((i % 2 ? -1.0 : 1.0) / (2 * i + 1));
  Value angle = f.fma(rest, f.polynomial(c, f.mul(rest, rest)), f.select(turned, f.constant(pi / 4), zero));
  angle = f.select(steep, f.sub(f.constant(pi / 2), angle), angle);
  angle = f.select(f.isNegative(x), f.sub(f.constant(pi), angle), angle);
  return f.select(P::UNO, x, y, f.constant(WideBuilder::nan), f.copySign(angle, y));
}

/// sqrt(1 - x^2), which is NaN beyond 1.
static Value buildOtherSide(WideBuilder &f, Value x) { return f.sqrt(f.mul(f.sub(f.constant(1), x), f.add(f.constant(1), x))); }

static Value buildAtan(WideBuilder &f, Value x) { return buildAngle(f, x, f.constant(1)); }
static Value buildAsin(WideBuilder &f, Value x) { return buildAngle(f, x, buildOtherSide(f, x)); }
static Value buildAcos(WideBuilder &f, Value x) { return buildAngle(f, buildOtherSide(f, x), x); }

/// e^(-x^2) times a polynomial in t = (|x| - 3) / (|x| + 3), a fit of erfc(x) e^(x^2) from 0 to 10.2 whose error is 2^-43 of it.
static Value buildErfc(WideBuilder &f, Value x) {
  static constexpr double c[] = {0.1790011511813852,     -0.32623356004314263,   0.2456038017134946,    -0.15011593649221314,
                                 0.07166583714248272,    -0.024392499540865604,  0.004269137269550186,  0.0007077492695076959,
                                 -0.0005970691182862144, 4.523489040835124e-05,  6.408212533804123e-05, -1.2775775880247622e-05,
                                 -8.007261730236613e-06, 1.9304307578460007e-06, 1.199638525536695e-06, -1.0811064566218794e-07,
                                 -9.806287385107202e-08};
  Value size = f.abs(x), most = f.constant(16); // where it is zero in f32
  size = f.select(P::OLT, size, most, size, most);
  Value t = f.div(f.sub(size, f.constant(3)), f.add(size, f.constant(3)));
  Value right = f.mul(buildExp(f, f.mul(size, f.sub(f.constant(0), size))), f.polynomial(c, t));
  return orNaN(f, x, f.select(f.isNegative(x), f.sub(f.constant(2), right), right));
}

static Value buildCbrt(WideBuilder &f, Value x) { return orNaN(f, x, f.copySign(f.exp2(f.mul(f.log2(f.abs(x)), f.constant(1.0 / 3))), x)); }
static Value buildExp2(WideBuilder &f, Value x) { return orNaN(f, x, f.exp2(x)); }
static Value buildLog2(WideBuilder &f, Value x) { return f.log2(x); }
static Value buildLog10(WideBuilder &f, Value x) { return f.mul(f.log2(x), f.constant(0.30102999566398119521)); }
static Value buildPower(WideBuilder &f, Value x, Value y) { return f.power(x, y); }

static Value widen(WideBuilder &f, Value x) {
  Type f64 = f.with(f.b.getF64Type());
  if (isa<IntegerType>(getElementTypeOrSelf(x)))
    return arith::SIToFPOp::create(f.b, f64, x);
  return arith::ExtFOp::create(f.b, f64, x);
}

namespace {
/// Replaces a function of one or two operands.
template <typename OpTy, auto function> struct ApproximateWide final : OpRewritePattern<OpTy> {
  /// Before upstream's, which take a whole exponent through f32.
  explicit ApproximateWide(MLIRContext *context) : OpRewritePattern<OpTy>(context, /*benefit=*/2) {}

  LogicalResult matchAndRewrite(OpTy op, PatternRewriter &rewriter) const override {
    Type type = op.getType(), element = getElementTypeOrSelf(type);
    auto vector = dyn_cast<VectorType>(type);
    if (element.getIntOrFloatBitWidth() > 32)
      return rewriter.notifyMatchFailure(op, "wider than f32");
    if (!vector && isa<ShapedType>(type))
      return rewriter.notifyMatchFailure(op, "neither a scalar nor a vector");
    if (std::is_same_v<OpTy, math::FPowIOp> && matchPattern(op->getOperand(1), m_Constant()))
      return rewriter.notifyMatchFailure(op, "multiplied out by upstream's pattern");
    ImplicitLocOpBuilder b(op.getLoc(), rewriter);
    WideBuilder f(b, vector);
    Value x = widen(f, op->getOperand(0)), y;
    if constexpr (std::is_invocable_v<decltype(function), WideBuilder &, Value>)
      y = function(f, x);
    else
      y = function(f, x, widen(f, op->getOperand(1)));
    // f64 to f32 first: from there on a narrower float rounds as it does of other functions.
    Value result = arith::TruncFOp::create(b, f.with(b.getF32Type()), y);
    rewriter.replaceOp(op, element.isF32() ? result : arith::TruncFOp::create(b, type, result).getResult());
    return success();
  }
};

/// A power of f64 that is only asked for in f32, as importers compute f32 to the power of an integer.
struct NarrowPower final : OpRewritePattern<arith::TruncFOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(arith::TruncFOp op, PatternRewriter &rewriter) const override {
    auto power = op.getIn().getDefiningOp<math::PowFOp>();
    if (!power || !getElementTypeOrSelf(power.getType()).isF64() || getElementTypeOrSelf(op.getType()).getIntOrFloatBitWidth() > 32)
      return rewriter.notifyMatchFailure(op, "no power of f64");
    auto vector = dyn_cast<VectorType>(op.getType());
    if (!vector && isa<ShapedType>(op.getType()))
      return rewriter.notifyMatchFailure(op, "neither a scalar nor a vector");
    ImplicitLocOpBuilder b(op.getLoc(), rewriter);
    WideBuilder f(b, vector);
    Value result = f.power(power.getLhs(), power.getRhs());
    rewriter.modifyOpInPlace(op, [&] { op.getInMutable().assign(result); });
    return success();
  }
};
} // namespace

void populateApproximateWidePatterns(RewritePatternSet &patterns) {
  patterns.add<NarrowPower>(patterns.getContext());
  patterns
      .add<ApproximateWide<math::AcosOp, buildAcos>, ApproximateWide<math::AcoshOp, buildAcosh>, ApproximateWide<math::AsinOp, buildAsin>,
           ApproximateWide<math::AsinhOp, buildAsinh>, ApproximateWide<math::AtanOp, buildAtan>, ApproximateWide<math::Atan2Op, buildAngle>,
           ApproximateWide<math::AtanhOp, buildAtanh>, ApproximateWide<math::CbrtOp, buildCbrt>, ApproximateWide<math::CoshOp, buildCosh>,
           ApproximateWide<math::ErfcOp, buildErfc>, ApproximateWide<math::Exp2Op, buildExp2>, ApproximateWide<math::FPowIOp, buildPower>,
           ApproximateWide<math::Log10Op, buildLog10>, ApproximateWide<math::Log2Op, buildLog2>, ApproximateWide<math::PowFOp, buildPower>,
           ApproximateWide<math::SinhOp, buildSinh>>(patterns.getContext());
}

} // namespace mlir::lowbit
