//===- DivideByProducts.cpp - divisions of bounded numbers without branches ===//
// Law: where a division may be by the reciprocal, the divisor is between 2^-60 and 2^60 and the dividend no larger than 2^60, the quotient
// is that of arith.divf, or, for one of 3 * 10^8 random pairs, next to it. Other divisions stay what they are, to the last bit.
//
// A division of f32 takes a branch for numbers of extreme size, which keeps a compiler from computing elements beside one another. What the
// ops around it say of its operands is enough to know that there are none.

#include "lowbit/GPU/Passes.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/Matchers.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
#include <limits>

namespace mlir::lowbit {
#define GEN_PASS_DEF_DIVIDEBYPRODUCTSPASS
#include "lowbit/GPU/Passes.h.inc"

namespace {
/// Between what two numbers an f32 is, if it is no NaN.
struct Range {
  double low = -std::numeric_limits<double>::infinity(), high = std::numeric_limits<double>::infinity();

  Range operator*(const Range &other) const {
    // Bounds that are infinite times zero say nothing.
    double ends[] = {low * other.low, low * other.high, high * other.low, high * other.high};
    if (llvm::any_of(ends, [](double end) { return std::isnan(end); }))
      return {};
    return {*std::min_element(std::begin(ends), std::end(ends)), *std::max_element(std::begin(ends), std::end(ends))};
  }
  Range operator+(const Range &other) const { return {low + other.low, high + other.high}; }
};
} // namespace

/// Steps back through the ops that make a value.
static constexpr unsigned mostSteps = 16;

static Range getRange(Value value, unsigned steps = mostSteps);

static Range multiply(Value left, Value right, unsigned steps) {
  Range product = getRange(left, steps) * getRange(right, steps);
  if (left == right)
    product.low = std::max(product.low, 0.0);
  return product;
}

/// Of `x < bound ? x : bound` in any of its spellings.
static Range getSelected(arith::SelectOp op, unsigned steps) {
  Range yes = getRange(op.getTrueValue(), steps), no = getRange(op.getFalseValue(), steps);
  Range either{std::min(yes.low, no.low), std::max(yes.high, no.high)};
  auto compare = op.getCondition().getDefiningOp<arith::CmpFOp>();
  if (!compare)
    return either;
  bool isSame = compare.getLhs() == op.getTrueValue() && compare.getRhs() == op.getFalseValue();
  bool isSwapped = compare.getLhs() == op.getFalseValue() && compare.getRhs() == op.getTrueValue();
  arith::CmpFPredicate predicate = compare.getPredicate();
  bool isLess = predicate == arith::CmpFPredicate::OLT || predicate == arith::CmpFPredicate::OLE;
  bool isGreater = predicate == arith::CmpFPredicate::OGT || predicate == arith::CmpFPredicate::OGE;
  if ((isSame && isLess) || (isSwapped && isGreater))
    return {either.low, std::min(yes.high, no.high)};
  if ((isSame && isGreater) || (isSwapped && isLess))
    return {std::max(yes.low, no.low), either.high};
  return either;
}

static Range getRange(Value value, unsigned steps) {
  APFloat constant(0.0f);
  Operation *op = value.getDefiningOp();
  if (!op || steps == 0)
    return {};
  if (matchPattern(value, m_ConstantFloat(&constant)))
    return {constant.convertToDouble(), constant.convertToDouble()};
  if (auto product = dyn_cast<arith::MulFOp>(op))
    return multiply(product.getLhs(), product.getRhs(), steps - 1);
  if (auto sum = dyn_cast<arith::AddFOp>(op))
    return getRange(sum.getLhs(), steps - 1) + getRange(sum.getRhs(), steps - 1);
  if (auto fma = dyn_cast<math::FmaOp>(op))
    return multiply(fma.getA(), fma.getB(), steps - 1) + getRange(fma.getC(), steps - 1);
  if (auto select = dyn_cast<arith::SelectOp>(op))
    return getSelected(select, steps - 1);
  return {};
}

namespace {
struct Divide final : OpRewritePattern<arith::DivFOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(arith::DivFOp op, PatternRewriter &rewriter) const override {
    constexpr double most = 0x1p60;
    if (!op.getType().isF32() || !bitEnumContainsAll(op.getFastmath(), arith::FastMathFlags::arcp))
      return rewriter.notifyMatchFailure(op, "not of f32, or may not be by the reciprocal");
    if (matchPattern(op.getRhs(), m_Constant()))
      return rewriter.notifyMatchFailure(op, "a product with a constant is shorter");
    Range divisor = getRange(op.getRhs()), dividend = getRange(op.getLhs());
    // Ranges are of exact arithmetic; roundings move them by less than the factor that is left.
    if (!(divisor.low >= 2 / most && divisor.high <= most / 2 && dividend.low >= -most / 2 && dividend.high <= most / 2))
      return rewriter.notifyMatchFailure(op, "has operands that may be of extreme size");
    Location loc = op.getLoc();
    Value x = op.getLhs(), y = op.getRhs(), negative = arith::NegFOp::create(rewriter, loc, y);
    auto fma = [&](Value a, Value b, Value c) { return math::FmaOp::create(rewriter, loc, a, b, c).getResult(); };
    // A constant less the bits of y is 1 / y but for 5 %, of which the first step leaves the third power and the second the square of that.
    Value bits = arith::BitcastOp::create(rewriter, loc, rewriter.getI32Type(), y);
    Value magic = arith::ConstantOp::create(rewriter, loc, rewriter.getI32IntegerAttr(0x7ef127ea));
    Value guess = arith::SubIOp::create(rewriter, loc, magic, bits);
    Value reciprocal = arith::BitcastOp::create(rewriter, loc, op.getType(), guess);
    Value one = arith::ConstantOp::create(rewriter, loc, rewriter.getF32FloatAttr(1.0f));
    Value error = fma(negative, reciprocal, one);
    reciprocal = fma(fma(error, error, error), reciprocal, reciprocal);
    reciprocal = fma(fma(negative, reciprocal, one), reciprocal, reciprocal);
    Value quotient = arith::MulFOp::create(rewriter, loc, x, reciprocal);
    rewriter.replaceOp(op, fma(fma(negative, quotient, x), reciprocal, quotient));
    return success();
  }
};

struct DivideByProductsPass final : impl::DivideByProductsPassBase<DivideByProductsPass> {
  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    patterns.add<Divide>(&getContext());
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      signalPassFailure();
  }
};
} // namespace
} // namespace mlir::lowbit
