//===- RoundByAddition.cpp - numbers round to codes by an addition --------===//
// Law: for real x and integers -2^22 <= a <= b < 2^22, the code clamp(roundeven(x), a, b) is the low bits of clamp(x, a, b) + 1.5 * 2^23:
// clamping commutes with rounding, and the sum has a last place of one and is rounded half to even.

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

namespace {
struct RoundByAddition final : OpRewritePattern<arith::FPToSIOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(arith::FPToSIOp op, PatternRewriter &rewriter) const override {
    if (!op.getIn().getType().isF32() || !op.getType().isInteger(32))
      return rewriter.notifyMatchFailure(op, "not from f32 to i32");
    Value low, high;
    Value raised = matchBound(op.getIn(), arith::CmpFPredicate::OLT, high);
    Value rounded = raised ? matchBound(raised, arith::CmpFPredicate::OGT, low) : Value();
    auto round = rounded ? rounded.getDefiningOp<math::RoundEvenOp>() : math::RoundEvenOp();
    if (!round)
      return rewriter.notifyMatchFailure(op, "no rounded number between two integers");
    Location loc = op.getLoc();
    constexpr float shift = 12582912.0f; // 1.5 * 2^23
    Value bounded = arith::MaxNumFOp::create(rewriter, loc, round.getOperand(), low);
    bounded = arith::MinNumFOp::create(rewriter, loc, bounded, high);
    Value constant = arith::ConstantOp::create(rewriter, loc, rewriter.getF32FloatAttr(shift));
    Value sum = arith::AddFOp::create(rewriter, loc, bounded, constant);
    Value bits = arith::BitcastOp::create(rewriter, loc, rewriter.getI32Type(), sum);
    Value zero = arith::ConstantOp::create(rewriter, loc, rewriter.getI32IntegerAttr(llvm::bit_cast<int32_t>(shift)));
    rewriter.replaceOpWithNewOp<arith::SubIOp>(op, bits, zero);
    return success();
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
