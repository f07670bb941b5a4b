//===- ApproximateMath.cpp - functions as polynomials ---------------------===//
// Law: results stay within 6 units in the last place of the C library's (test/Integration/CPU/functions.mlir), infinities and NaN included;
// results and operands below the smallest normal number count as zero and as that number. No value takes a branch: a vector costs the same
// whatever is in it. Functions with a law of their own: ApproximateAngles.cpp, ApproximateWide.cpp, ExpandIntegers.cpp.

#include "ApproximateFunctions.h"
#include "lowbit/Transforms/Passes.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Math/Transforms/Passes.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
#include <limits>

namespace mlir::lowbit {
#define GEN_PASS_DEF_APPROXIMATEMATHPASS
#include "lowbit/Transforms/Passes.h.inc"

namespace {
/// f32 arithmetic on values of one type, a scalar or a vector.
class FloatBuilder {
public:
  /// `divisions` are the flags of quotients.
  FloatBuilder(PatternRewriter &b, Location loc, Type type, arith::FastMathFlags divisions)
      : b(b), loc(loc), type(type), divisions(divisions) {}

  Value constant(float value) { return splat(type, b.getF32FloatAttr(value)); }
  Value fma(Value x, Value y, Value z) { return math::FmaOp::create(b, loc, x, y, z); }
  Value add(Value x, Value y) { return arith::AddFOp::create(b, loc, x, y); }
  Value sub(Value x, Value y) { return arith::SubFOp::create(b, loc, x, y); }
  Value mul(Value x, Value y) { return arith::MulFOp::create(b, loc, x, y); }
  Value div(Value x, Value y) { return arith::DivFOp::create(b, loc, x, y, divisions); }
  /// `yes` where the comparison holds; it does not for NaN.
  Value select(arith::CmpFPredicate predicate, Value x, Value y, Value yes, Value no) {
    return arith::SelectOp::create(b, loc, arith::CmpFOp::create(b, loc, predicate, x, y), yes, no);
  }
  /// c[0] + c[1] x + … + c[5] x^5. Taken in pairs: fewer roundings behind one another than Horner's rule has.
  Value quintic(ArrayRef<float> c, Value x, Value square) {
    auto pair = [&](unsigned i) { return fma(constant(c[i + 1]), x, constant(c[i])); };
    return fma(fma(pair(4), square, pair(2)), square, pair(0));
  }
  /// `x * 2^n`, where the bits of `shifted` hold n from the lowest on.
  Value scaleByPower(Value x, Value shifted) {
    Type integers = cloneWith(b.getI32Type());
    Value n = arith::BitcastOp::create(b, loc, integers, shifted), bits = arith::BitcastOp::create(b, loc, integers, x);
    Value exponent = arith::ShLIOp::create(b, loc, n, splat(integers, b.getI32IntegerAttr(23)));
    return arith::BitcastOp::create(b, loc, type, arith::AddIOp::create(b, loc, bits, exponent));
  }

private:
  Type cloneWith(Type element) const {
    auto vector = dyn_cast<VectorType>(type);
    return vector ? Type(vector.clone(element)) : element;
  }
  Value splat(Type splatType, TypedAttr value) {
    if (auto vector = dyn_cast<VectorType>(splatType))
      value = DenseElementsAttr::get(vector, value);
    return arith::ConstantOp::create(b, loc, value);
  }

  PatternRewriter &b;
  Location loc;
  Type type;
  arith::FastMathFlags divisions;
};
} // namespace

/// x P(x^2) / Q(x^2), a minimax fit of erf(x) / x whose rounded coefficients were then searched for the smallest error in f32: 5.7 units in
/// the last place and 3.4e-7 over all floats. At 3.92, from where on the argument is held, the result is exactly 1.
static Value approximateErf(FloatBuilder &f, Value x) {
  static constexpr float p[] = {1.128379107e+00f, 2.060954422e-01f, 5.459265038e-02f, 4.369879607e-03f, 2.866505529e-04f, 1.778364435e-06f};
  static constexpr float q[] = {1.000000000e+00f, 5.159788728e-01f, 1.203827634e-01f, 1.619576104e-02f, 1.286571031e-03f, 3.535954966e-05f};
  Value high = f.constant(3.92f), low = f.constant(-3.92f);
  x = f.select(arith::CmpFPredicate::OLT, high, x, high, x);
  x = f.select(arith::CmpFPredicate::OGT, low, x, low, x);
  Value square = f.mul(x, x), fourth = f.mul(square, square);
  return f.div(f.mul(x, f.quintic(p, square, fourth)), f.quintic(q, square, fourth));
}

/// 2^n e^r with n = x / log 2 rounded, |r| <= log(2) / 2; e^0 is 1. Adding 1.5 * 2^23 rounds, and leaves n in the lowest bits.
static Value approximateExp(FloatBuilder &f, Value x) {
  static constexpr float c[] = {1.000000000e+00f, 9.999997020e-01f, 4.999914765e-01f, 1.666765213e-01f, 4.189817607e-02f, 8.289360441e-03f};
  Value shift = f.constant(0x1.8p23f), shifted = f.fma(x, f.constant(0x1.715476p+0f), shift), n = f.sub(shifted, shift);
  Value r = f.fma(n, f.constant(-0x1.62e4p-1f), x);
  r = f.fma(n, f.constant(-0x1.7f7d1cp-20f), r);
  Value power = f.scaleByPower(f.quintic(c, r, f.mul(r, r)), shifted);
  // Above, infinity; below the smallest normal number, zero; NaN stays.
  Value large = f.mul(x, f.constant(std::numeric_limits<float>::max()));
  power = f.select(arith::CmpFPredicate::OLE, x, f.constant(0x1.62e42ep+6f), power, large);
  return f.select(arith::CmpFPredicate::OLT, x, f.constant(-0x1.5d589ep+6f), f.constant(0.0f), power);
}

namespace {
/// Replaces a function of an f32, or of a narrower float through f32.
template <typename OpTy> struct Approximate final : OpRewritePattern<OpTy> {
  using Function = Value (*)(FloatBuilder &, Value);
  Approximate(MLIRContext *context, Function function, bool reciprocals)
      : OpRewritePattern<OpTy>(context), function(function), reciprocals(reciprocals) {}

  LogicalResult matchAndRewrite(OpTy op, PatternRewriter &rewriter) const override {
    Type type = op.getType(), element = getElementTypeOrSelf(type);
    auto vector = dyn_cast<VectorType>(type);
    if (!isa<FloatType>(element) || element.getIntOrFloatBitWidth() > 32)
      return rewriter.notifyMatchFailure(op, "wider than f32");
    if (!vector && isa<ShapedType>(type))
      return rewriter.notifyMatchFailure(op, "neither a scalar nor a vector");
    Type f32 = vector ? Type(vector.clone(rewriter.getF32Type())) : Type(rewriter.getF32Type());
    FloatBuilder builder(rewriter, op.getLoc(), f32,
                         reciprocals ? op.getFastmath() & arith::FastMathFlags::arcp : arith::FastMathFlags::none);
    Value x = element.isF32() ? op.getOperand() : arith::ExtFOp::create(rewriter, op.getLoc(), f32, op.getOperand()).getResult();
    Value y = function(builder, x);
    rewriter.replaceOp(op, element.isF32() ? y : arith::TruncFOp::create(rewriter, op.getLoc(), type, y).getResult());
    return success();
  }

  Function function;
  bool reciprocals;
};

struct ApproximateMathPass final : impl::ApproximateMathPassBase<ApproximateMathPass> {
  using ApproximateMathPassBase::ApproximateMathPassBase;

  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    patterns.add<Approximate<math::ErfOp>>(&getContext(), approximateErf, reciprocals);
    patterns.add<Approximate<math::ExpOp>>(&getContext(), approximateExp, reciprocals);
    populateApproximateAnglePatterns(patterns);
    populateApproximateWidePatterns(patterns);
    populateExpandIntegerPatterns(patterns);
    // One over the square root, as the library has it; powers with a constant whole exponent multiplied out; clamps by comparisons.
    math::populateExpansionPatterns(patterns, {"rsqrt", "fpowi", "clampf"});
    auto isUpstream = [](StringRef name) {
      return llvm::is_contained({math::TanhOp::getOperationName(), math::LogOp::getOperationName(), math::Log1pOp::getOperationName(),
                                 math::ExpM1Op::getOperationName()},
                                name);
    };
    populateMathPolynomialApproximationPatterns(patterns, isUpstream);
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      signalPassFailure();
  }
};
} // namespace
} // namespace mlir::lowbit
