//===- Moments.cpp - means of gradients, as Adam has them -----------------===//

#include "lowbit/Optimizers/Moments.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"

namespace mlir::lowbit {

LogicalResult Moments::verify(function_ref<InFlightDiagnostic()> emitError) const {
  for (auto [name, beta] : {std::pair<StringRef, APFloat>("beta1", beta1), {"beta2", beta2}})
    if (!(beta.convertToDouble() >= 0 && beta.convertToDouble() < 1))
      return emitError() << name << " is " << beta.convertToDouble() << "; expected at least 0 and below 1";
  if (!(epsilon.convertToDouble() > 0))
    return emitError() << "epsilon is " << epsilon.convertToDouble() << "; expected above 0";
  if (!(decay.convertToDouble() >= 0))
    return emitError() << "decay is " << decay.convertToDouble() << "; expected at least 0";
  return success();
}

static Value buildReal(OpBuilder &builder, Location loc, double value) {
  return arith::ConstantOp::create(builder, loc, builder.getF32FloatAttr(static_cast<float>(value)));
}

SmallVector<Value> Moments::buildFactors(OpBuilder &builder, Location loc, Value step) const {
  Value one = buildReal(builder, loc, 1);
  SmallVector<Value> factors;
  for (const APFloat &beta : {beta1, beta2}) {
    Value power = math::PowFOp::create(builder, loc, buildReal(builder, loc, beta.convertToDouble()), step);
    factors.push_back(arith::DivFOp::create(builder, loc, one, arith::SubFOp::create(builder, loc, one, power)));
  }
  return factors;
}

SmallVector<Value> Moments::buildUpdate(OpBuilder &builder, Location loc, Value parameter, Value gradient, ValueRange states,
                                        ValueRange factors, bool decays) const {
  auto add = [&](Value a, Value b) -> Value { return arith::AddFOp::create(builder, loc, a, b); };
  auto mul = [&](Value a, Value b) -> Value { return arith::MulFOp::create(builder, loc, a, b); };
  auto average = [&](Value old, Value value, const APFloat &beta) {
    double kept = beta.convertToDouble();
    return add(mul(buildReal(builder, loc, kept), old), mul(buildReal(builder, loc, 1 - kept), value));
  };
  Value first = average(states[0], gradient, beta1), second = average(states[1], mul(gradient, gradient), beta2);
  Value root = math::SqrtOp::create(builder, loc, mul(second, factors[1]));
  Value change = arith::DivFOp::create(builder, loc, mul(first, factors[0]), add(root, buildReal(builder, loc, epsilon.convertToDouble())));
  if (decays && !decay.isZero())
    change = add(change, mul(buildReal(builder, loc, decay.convertToDouble()), parameter));
  return {change, first, second};
}

} // namespace mlir::lowbit
