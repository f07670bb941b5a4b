//===- SettleFloats.cpp - how floats are computed, said in operations -----===//
// Law: no flag is left by which two compilers could compute two things; but for those that `lowbit.order` answers.

#include "lowbit/GPU/Passes.h"
#include "lowbit/Transforms/SumOrder.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/Matchers.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

namespace mlir::lowbit {
#define GEN_PASS_DEF_SETTLEFLOATSPASS
#include "lowbit/GPU/Passes.h.inc"

static bool hasFlag(arith::ArithFastMathInterface op, arith::FastMathFlags flag) {
  auto flags = op.getFastMathFlagsAttr();
  return flags && bitEnumContainsAll(flags.getValue(), flag);
}

/// Whether the op is in the region of a sum whose order says what becomes of its products.
static bool isOnMatrixUnit(Operation *op) {
  auto sum = dyn_cast<linalg::LinalgOp>(op->getParentOp());
  auto order = sum ? sum->getAttrOfType<DictionaryAttr>(sumOrderAttrName) : DictionaryAttr();
  return order && order.contains("matrix");
}

/// The product that `value` is, if only one op reads it and it may become part of that one.
static arith::MulFOp getContracted(Value value) {
  auto product = value.getDefiningOp<arith::MulFOp>();
  return product && product->hasOneUse() && hasFlag(product, arith::FastMathFlags::contract) ? product : nullptr;
}

namespace {
struct Contract final : RewritePattern {
  explicit Contract(MLIRContext *context) : RewritePattern(MatchAnyOpTypeTag(), 1, context) {}

  LogicalResult matchAndRewrite(Operation *op, PatternRewriter &rewriter) const override {
    bool isDifference = isa<arith::SubFOp>(op);
    if (!isDifference && !isa<arith::AddFOp>(op))
      return failure();
    auto fast = cast<arith::ArithFastMathInterface>(op);
    if (!hasFlag(fast, arith::FastMathFlags::contract) || !op->getResult(0).getType().isF32() || isOnMatrixUnit(op))
      return rewriter.notifyMatchFailure(op, "may not be contracted");
    arith::FastMathFlags flags = fast.getFastMathFlagsAttr().getValue();
    auto negate = [&](Value value) -> Value {
      return isDifference ? arith::NegFOp::create(rewriter, op->getLoc(), value).getResult() : value;
    };
    if (arith::MulFOp product = getContracted(op->getOperand(0)))
      rewriter.replaceOpWithNewOp<math::FmaOp>(op, product.getLhs(), product.getRhs(), negate(op->getOperand(1)), flags);
    else if (arith::MulFOp product = getContracted(op->getOperand(1)))
      rewriter.replaceOpWithNewOp<math::FmaOp>(op, negate(product.getLhs()), product.getRhs(), op->getOperand(0), flags);
    else
      return rewriter.notifyMatchFailure(op, "has no product of its own");
    return success();
  }
};

struct MultiplyByReciprocal final : OpRewritePattern<arith::DivFOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(arith::DivFOp op, PatternRewriter &rewriter) const override {
    APFloat divisor(0.0f);
    if (!op.getType().isF32() || !hasFlag(op, arith::FastMathFlags::arcp) || !matchPattern(op.getRhs(), m_ConstantFloat(&divisor)))
      return rewriter.notifyMatchFailure(op, "not by a constant whose reciprocal may be taken");
    float reciprocal = 1.0F / divisor.convertToFloat();
    if (!std::isnormal(reciprocal))
      return rewriter.notifyMatchFailure(op, "the reciprocal is no normal number");
    Value factor = arith::ConstantOp::create(rewriter, op.getLoc(), rewriter.getF32FloatAttr(reciprocal));
    rewriter.replaceOpWithNewOp<arith::MulFOp>(op, op.getLhs(), factor, op.getFastmathAttr());
    return success();
  }
};

/// (x + c) p as fma(x, p, c p), for a power of two p up to 1: the same bits, as neither the sum nor what it is scaled to is of extreme
/// size.
struct ScaleSum final : OpRewritePattern<arith::MulFOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(arith::MulFOp op, PatternRewriter &rewriter) const override {
    auto sum = op.getLhs().getDefiningOp<arith::AddFOp>();
    APFloat factor(0.0f), added(0.0f);
    if (!op.getType().isF32() || !sum || !matchPattern(op.getRhs(), m_ConstantFloat(&factor)) ||
        !matchPattern(sum.getRhs(), m_ConstantFloat(&added)))
      return rewriter.notifyMatchFailure(op, "no constant times a sum with a constant");
    float p = factor.convertToFloat(), c = added.convertToFloat();
    int exponent = 0;
    if (std::frexp(p, &exponent) != 0.5f || p > 1 || p < 0x1p-40f || !(std::abs(c) >= 0x1p-40f && std::abs(c) <= 0x1p40f))
      return rewriter.notifyMatchFailure(op, "no power of two, or constants of extreme size");
    Value scaled = arith::ConstantOp::create(rewriter, op.getLoc(), rewriter.getF32FloatAttr(c * p));
    rewriter.replaceOpWithNewOp<math::FmaOp>(op, sum.getLhs(), op.getRhs(), scaled);
    return success();
  }
};

struct SettleFloatsPass final : impl::SettleFloatsPassBase<SettleFloatsPass> {
  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    patterns.add<Contract, MultiplyByReciprocal, ScaleSum>(&getContext());
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      return signalPassFailure();
    DenseSet<Operation *> combiners;
    getOperation()->walk([&](linalg::LinalgOp op) {
      if (op->hasAttr(sumOrderAttrName) && !op.getBlock()->empty())
        for (unsigned i = 0; i < static_cast<unsigned>(op.getNumDpsInits()); ++i)
          combiners.insert(findCombiner(op, i));
    });
    getOperation()->walk([&](arith::ArithFastMathInterface op) {
      arith::FastMathFlagsAttr found = op.getFastMathFlagsAttr();
      if (!found)
        return;
      bool isCombiner = combiners.contains(op);
      auto kept = isCombiner ? arith::FastMathFlags::reassoc | arith::FastMathFlags::nsz : arith::FastMathFlags::none;
      op->setAttr(op.getFastMathAttrName(), arith::FastMathFlagsAttr::get(op->getContext(), found.getValue() & kept));
    });
  }
};
} // namespace
} // namespace mlir::lowbit
