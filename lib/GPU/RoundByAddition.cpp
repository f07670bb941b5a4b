//===- RoundByAddition.cpp - numbers round to codes by an addition --------===//
// Law: for real x and integers -2^22 <= a <= b < 2^22, the code clamp(roundeven(x), a, b) is the low bits of clamp(x, a, b) + 1.5 * 2^23:
// clamping commutes with rounding, and the sum has a last place of one and is rounded half to even. An integer that is added between is
// added after it. For x = y / c with a constant c, y is held between a c and b c, and then divided by products: by as few as give the same
// codes (CodeQuotient.h), or to the last bit: a quotient next to the right one, with its remainder times the rounded reciprocal, is the
// right one (Markstein 1990).

#include "CodeQuotient.h"
#include "lowbit/GPU/Passes.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/Matchers.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

namespace mlir::lowbit {
#define GEN_PASS_DEF_ROUNDBYADDITIONPASS
#include "lowbit/GPU/Passes.h.inc"

/// `value`, where it is `x > bound ? x : bound` (or `<`), with a bound of the range above. A NaN becomes the bound.
static Value matchBound(Value value, arith::CmpFPredicate predicate, Value &bound) {
  auto select = value.getDefiningOp<arith::SelectOp>();
  auto compare = select ? select.getCondition().getDefiningOp<arith::CmpFOp>() : arith::CmpFOp();
  if (!compare || compare.getPredicate() != predicate || compare.getLhs() != select.getTrueValue() ||
      compare.getRhs() != select.getFalseValue())
    return Value();
  APFloat constant(0.0f);
  if (!matchPattern(compare.getRhs(), m_ConstantFloat(&constant)) || !constant.isInteger() ||
      std::abs(constant.convertToDouble()) >= double(1 << 22))
    return Value();
  bound = compare.getRhs();
  return compare.getLhs();
}

/// The integer between bounds of the range above that `value` is, as a constant.
static std::optional<float> matchInteger(Value value) {
  APFloat constant(0.0f);
  if (!matchPattern(value, m_ConstantFloat(&constant)) || !constant.isInteger() || std::abs(constant.convertToDouble()) >= double(1 << 22))
    return std::nullopt;
  return constant.convertToFloat();
}

namespace {
struct RoundByAddition final : OpRewritePattern<arith::FPToSIOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(arith::FPToSIOp op, PatternRewriter &rewriter) const override {
    if (!op.getIn().getType().isF32() || !op.getType().isInteger(32))
      return rewriter.notifyMatchFailure(op, "not from f32 to i32");
    Value low, high;
    Value raised = matchBound(op.getIn(), arith::CmpFPredicate::OLT, high);
    Value rounded = raised ? matchBound(raised, arith::CmpFPredicate::OGT, low) : Value();
    std::optional<float> zero = 0.0f;
    if (auto sum = rounded ? rounded.getDefiningOp<arith::AddFOp>() : arith::AddFOp()) {
      zero = matchInteger(sum.getRhs());
      rounded = sum.getLhs();
    }
    auto round = rounded ? rounded.getDefiningOp<math::RoundEvenOp>() : math::RoundEvenOp();
    if (!round || !zero)
      return rewriter.notifyMatchFailure(op, "no rounded number, nor one plus an integer, between two integers");
    Builder b{rewriter, op.getLoc()};
    float lowest = *matchInteger(low) - *zero, highest = *matchInteger(high) - *zero;
    if (std::abs(lowest) >= 0x1p22f || std::abs(highest) >= 0x1p22f)
      return rewriter.notifyMatchFailure(op, "between integers beyond what the addition holds");
    // An even integer may be added with the shift, which leaves what is even: then the lowest byte of the sum is the code.
    constexpr float shift = 12582912.0f; // 1.5 * 2^23
    float shifted = std::fmod(*zero, 2.0f) == 0 ? shift + *zero : shift;
    Value sum = divide(b, round.getOperand(), lowest, highest, shifted);
    if (!sum)
      sum = b.add(b.clamp(round.getOperand(), lowest, highest), shifted);
    Value bits = arith::BitcastOp::create(rewriter, b.loc, rewriter.getI32Type(), sum);
    int32_t subtracted = llvm::bit_cast<int32_t>(shift) - (shifted == shift ? static_cast<int32_t>(*zero) : 0);
    Value integer = arith::ConstantOp::create(rewriter, b.loc, rewriter.getI32IntegerAttr(subtracted));
    rewriter.replaceOpWithNewOp<arith::SubIOp>(op, bits, integer);
    return success();
  }

private:
  struct Builder {
    PatternRewriter &rewriter;
    Location loc;

    Value constant(float value) { return arith::ConstantOp::create(rewriter, loc, rewriter.getF32FloatAttr(value)); }
    Value clamp(Value value, float low, float high) {
      value = arith::MaxNumFOp::create(rewriter, loc, value, constant(low));
      return arith::MinNumFOp::create(rewriter, loc, value, constant(high));
    }
    Value add(Value x, float y) { return arith::AddFOp::create(rewriter, loc, x, constant(y)); }
    Value mul(Value x, float y) { return arith::MulFOp::create(rewriter, loc, x, constant(y)); }
    Value fma(Value x, Value y, Value z) { return math::FmaOp::create(rewriter, loc, x, y, z); }
  };

  /// The quotient that `value` is, between bounds, and `shift`; null where it is none by a constant of ordinary size.
  static Value divide(Builder &b, Value value, float low, float high, float shift) {
    auto division = value.getDefiningOp<arith::DivFOp>();
    APFloat constant(0.0f);
    if (!division || !matchPattern(division.getRhs(), m_ConstantFloat(&constant)))
      return Value();
    float divisor = constant.convertToFloat();
    if (!(divisor > 0x1p-60f && divisor < 0x1p60f))
      return Value();
    Value dividend = b.clamp(division.getLhs(), low * divisor, high * divisor);
    CodeQuotient codes{divisor, low, high};
    if (codes.isProduct(shift))
      return b.fma(dividend, b.constant(codes.reciprocal), b.constant(shift));
    if (codes.isProductAndRest(shift))
      return b.add(b.fma(dividend, b.constant(codes.reciprocal), b.mul(dividend, codes.rest)), shift);
    Value reciprocal = b.constant(codes.reciprocal), negative = b.constant(-divisor);
    Value quotient = arith::MulFOp::create(b.rewriter, b.loc, dividend, reciprocal);
    // The first step leads next to the right quotient, the second to it.
    for (int step = 0; step < 2; ++step)
      quotient = b.fma(b.fma(quotient, negative, dividend), reciprocal, quotient);
    return b.add(quotient, shift);
  }
};

struct RoundByAdditionPass final : impl::RoundByAdditionPassBase<RoundByAdditionPass> {
  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    patterns.add<RoundByAddition>(&getContext());
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      signalPassFailure();
  }
};
} // namespace
} // namespace mlir::lowbit
