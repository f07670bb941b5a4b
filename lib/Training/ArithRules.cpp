//===- ArithRules.cpp - derivatives of arith ------------------------------===//
// Law: where a maximum or minimum is reached twice, one operand gets all: a constant if there is one, so that ReLU's slope at zero is zero.
// Whether a value was beyond a constant is read off the result: it then differs from the constant. The value itself need not be kept.

#include "ScalarRules.h"
#include "lowbit/Training/Register.h"
#include "mlir/IR/Matchers.h"

namespace mlir::lowbit {

Value Chain::real(double value) const {
  auto element = cast<FloatType>(getElementTypeOrSelf(y().getType()));
  TypedAttr attr = builder.getFloatAttr(element, value);
  if (auto shaped = dyn_cast<ShapedType>(y().getType()))
    attr = DenseElementsAttr::get(shaped, static_cast<Attribute>(attr));
  return arith::ConstantOp::create(builder, op->getLoc(), attr);
}

LogicalResult buildScalarGradients(Operation *op, OpBuilder &builder, Gradients &gradients, ScalarRule rule) {
  Chain chain{builder, op, gradients, gradients.lookup(op->getResult(0))};
  for (auto [i, operand] : llvm::enumerate(op->getOperands()))
    if (gradients.isActive(operand))
      gradients.add(builder, op->getLoc(), operand, rule(chain, i));
  return success();
}

static Value addRule(const Chain &c, unsigned) { return c.dy; }
static Value subRule(const Chain &c, unsigned i) { return i == 0 ? c.dy : c.neg(c.dy); }
static Value mulRule(const Chain &c, unsigned i) { return c.mul(c.dy, c.x(1 - i)); }
static Value divRule(const Chain &c, unsigned i) { return i == 0 ? c.div(c.dy, c.x(1)) : c.neg(c.mul(c.dy, c.div(c.y(), c.x(1)))); }
static Value negRule(const Chain &c, unsigned) { return c.neg(c.dy); }

/// The condition of `a < c ? a : c`, or of another strict order, with a constant `c`: the same of the result.
static Value buildCondition(const Chain &c) {
  auto compare = c.x(0).getDefiningOp<arith::CmpFOp>();
  bool isStrict = compare && llvm::is_contained({arith::CmpFPredicate::OGT, arith::CmpFPredicate::UGT, arith::CmpFPredicate::OLT,
                                                 arith::CmpFPredicate::ULT},
                                                compare.getPredicate());
  if (!isStrict || compare.getLhs() != c.x(1) || compare.getRhs() != c.x(2) || !matchPattern(c.x(2), m_Constant()))
    return c.x(0);
  return c.compare(compare.getPredicate(), c.y(), c.x(2));
}
static Value selectRule(const Chain &c, unsigned i) {
  return i == 1 ? c.select(buildCondition(c), c.dy, c.real(0)) : c.select(c.x(0), c.real(0), c.dy);
}

/// `strict` and `loose` order the operand before the other.
static Value buildExtremum(const Chain &c, unsigned i, arith::CmpFPredicate strict, arith::CmpFPredicate loose) {
  bool takesTies = i == 0 && c.isActive(1);
  Value mine = matchPattern(c.x(1 - i), m_Constant()) ? c.y() : c.x(i);
  return c.select(c.compare(takesTies ? loose : strict, mine, c.x(1 - i)), c.dy, c.real(0));
}
static Value maxRule(const Chain &c, unsigned i) { return buildExtremum(c, i, arith::CmpFPredicate::OGT, arith::CmpFPredicate::OGE); }
static Value minRule(const Chain &c, unsigned i) { return buildExtremum(c, i, arith::CmpFPredicate::OLT, arith::CmpFPredicate::OLE); }

static Value extRule(const Chain &c, unsigned) { return arith::TruncFOp::create(c.builder, c.op->getLoc(), c.x(0).getType(), c.dy); }
static Value truncRule(const Chain &c, unsigned) { return arith::ExtFOp::create(c.builder, c.op->getLoc(), c.x(0).getType(), c.dy); }

void registerArithRules(DialectRegistry &registry) {
  registry.addExtension(+[](MLIRContext *context, arith::ArithDialect *) {
    attachRule<arith::AddFOp, addRule>(context);
    attachRule<arith::SubFOp, subRule>(context);
    attachRule<arith::MulFOp, mulRule>(context);
    attachRule<arith::DivFOp, divRule>(context);
    attachRule<arith::NegFOp, negRule>(context);
    attachRule<arith::SelectOp, selectRule>(context);
    attachRule<arith::MaximumFOp, maxRule>(context);
    attachRule<arith::MaxNumFOp, maxRule>(context);
    attachRule<arith::MinimumFOp, minRule>(context);
    attachRule<arith::MinNumFOp, minRule>(context);
    attachRule<arith::ExtFOp, extRule>(context);
    attachRule<arith::TruncFOp, truncRule>(context);
  });
}

} // namespace mlir::lowbit
