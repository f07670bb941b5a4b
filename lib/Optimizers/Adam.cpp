//===- Adam.cpp - Adam and AdamW ------------------------------------------===//

#include "lowbit/IR/Lowbit.h"
#include "lowbit/Observers/Values.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"

namespace mlir::lowbit {

LogicalResult AdamOptimizerAttr::verify(function_ref<InFlightDiagnostic()> emitError, APFloat beta1, APFloat beta2, APFloat epsilon,
                                        APFloat decay) {
  for (auto [name, beta] : {std::pair<StringRef, APFloat>("beta1", beta1), {"beta2", beta2}})
    if (!(beta.convertToDouble() >= 0 && beta.convertToDouble() < 1))
      return emitError() << name << " is " << beta.convertToDouble() << "; expected at least 0 and below 1";
  if (!(epsilon.convertToDouble() > 0))
    return emitError() << "epsilon is " << epsilon.convertToDouble() << "; expected above 0";
  if (!(decay.convertToDouble() >= 0))
    return emitError() << "decay is " << decay.convertToDouble() << "; expected at least 0";
  return success();
}

unsigned AdamOptimizerAttr::getNumStates() const { return 2; }

static Value buildReal(OpBuilder &builder, Location loc, double value) {
  return arith::ConstantOp::create(builder, loc, builder.getF32FloatAttr(static_cast<float>(value)));
}

/// 1 / (1 - beta^step) for both moments.
SmallVector<Value> AdamOptimizerAttr::buildFactors(OpBuilder &builder, Location loc, Value step) const {
  Value one = buildReal(builder, loc, 1);
  SmallVector<Value> factors;
  for (APFloat beta : {getBeta1(), getBeta2()}) {
    Value power = math::PowFOp::create(builder, loc, buildReal(builder, loc, beta.convertToDouble()), step);
    factors.push_back(arith::DivFOp::create(builder, loc, one, arith::SubFOp::create(builder, loc, one, power)));
  }
  return factors;
}

SmallVector<Value> AdamOptimizerAttr::buildUpdate(OpBuilder &builder, Location loc, Value parameter, Value gradient, ValueRange states,
                                                  ValueRange factors, Value rate, bool decays) const {
  auto add = [&](Value a, Value b) -> Value { return arith::AddFOp::create(builder, loc, a, b); };
  auto mul = [&](Value a, Value b) -> Value { return arith::MulFOp::create(builder, loc, a, b); };
  auto average = [&](Value old, Value value, APFloat beta) {
    double kept = beta.convertToDouble();
    return add(mul(buildReal(builder, loc, kept), old), mul(buildReal(builder, loc, 1 - kept), value));
  };
  Value first = average(states[0], gradient, getBeta1()), second = average(states[1], mul(gradient, gradient), getBeta2());
  Value root = math::SqrtOp::create(builder, loc, mul(second, factors[1]));
  Value change =
      arith::DivFOp::create(builder, loc, mul(first, factors[0]), add(root, buildReal(builder, loc, getEpsilon().convertToDouble())));
  if (decays && !getDecay().isZero())
    change = add(change, mul(buildReal(builder, loc, getDecay().convertToDouble()), parameter));
  return {arith::SubFOp::create(builder, loc, parameter, mul(rate, change)), first, second};
}

} // namespace mlir::lowbit
