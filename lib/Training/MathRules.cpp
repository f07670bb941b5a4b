//===- MathRules.cpp - derivatives of math --------------------------------===//

#include "ScalarRules.h"
#include "lowbit/Training/Register.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include <cmath>

namespace mlir::lowbit {

static Value exp(const Chain &c, Value value) { return math::ExpOp::create(c.builder, c.op->getLoc(), value); }
static Value log(const Chain &c, Value value) { return math::LogOp::create(c.builder, c.op->getLoc(), value); }

static Value absRule(const Chain &c, unsigned) {
  Value zero = c.real(0);
  Value negative = c.select(c.compare(arith::CmpFPredicate::OLT, c.x(0), zero), c.neg(c.dy), zero);
  return c.select(c.compare(arith::CmpFPredicate::OGT, c.x(0), zero), c.dy, negative);
}
static Value cosRule(const Chain &c, unsigned) { return c.neg(c.mul(c.dy, math::SinOp::create(c.builder, c.op->getLoc(), c.x(0)))); }
static Value sinRule(const Chain &c, unsigned) { return c.mul(c.dy, math::CosOp::create(c.builder, c.op->getLoc(), c.x(0))); }
static Value erfRule(const Chain &c, unsigned) {
  return c.mul(c.dy, c.mul(c.real(2 / std::sqrt(M_PI)), exp(c, c.neg(c.mul(c.x(0), c.x(0))))));
}
static Value expRule(const Chain &c, unsigned) { return c.mul(c.dy, c.y()); }
static Value exp2Rule(const Chain &c, unsigned) { return c.mul(c.dy, c.mul(c.y(), c.real(M_LN2))); }
static Value expm1Rule(const Chain &c, unsigned) { return c.mul(c.dy, c.add(c.y(), c.real(1))); }
static Value fmaRule(const Chain &c, unsigned i) { return i == 2 ? c.dy : c.mul(c.dy, c.x(1 - i)); }
static Value logRule(const Chain &c, unsigned) { return c.div(c.dy, c.x(0)); }
static Value log1pRule(const Chain &c, unsigned) { return c.div(c.dy, c.add(c.x(0), c.real(1))); }
static Value log2Rule(const Chain &c, unsigned) { return c.div(c.dy, c.mul(c.x(0), c.real(M_LN2))); }
static Value powRule(const Chain &c, unsigned i) {
  if (i == 1)
    return c.mul(c.dy, c.mul(c.y(), log(c, c.x(0))));
  Value power = math::PowFOp::create(c.builder, c.op->getLoc(), c.x(0), c.sub(c.x(1), c.real(1)));
  return c.mul(c.dy, c.mul(c.x(1), power));
}
static Value rsqrtRule(const Chain &c, unsigned) { return c.mul(c.dy, c.mul(c.real(-0.5), c.div(c.y(), c.x(0)))); }
static Value sqrtRule(const Chain &c, unsigned) { return c.div(c.mul(c.dy, c.real(0.5)), c.y()); }
static Value tanhRule(const Chain &c, unsigned) { return c.mul(c.dy, c.sub(c.real(1), c.mul(c.y(), c.y()))); }

void registerMathRules(DialectRegistry &registry) {
  registry.addExtension(+[](MLIRContext *context, math::MathDialect *) {
    attachRule<math::AbsFOp, absRule>(context);
    attachRule<math::CosOp, cosRule>(context);
    attachRule<math::SinOp, sinRule>(context);
    attachRule<math::ErfOp, erfRule>(context);
    attachRule<math::ExpOp, expRule>(context);
    attachRule<math::Exp2Op, exp2Rule>(context);
    attachRule<math::ExpM1Op, expm1Rule>(context);
    attachRule<math::FmaOp, fmaRule>(context);
    attachRule<math::LogOp, logRule>(context);
    attachRule<math::Log1pOp, log1pRule>(context);
    attachRule<math::Log2Op, log2Rule>(context);
    attachRule<math::PowFOp, powRule>(context);
    attachRule<math::RsqrtOp, rsqrtRule>(context);
    attachRule<math::SqrtOp, sqrtRule>(context);
    attachRule<math::TanhOp, tanhRule>(context);
  });
}

} // namespace mlir::lowbit
