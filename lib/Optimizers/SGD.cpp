//===- SGD.cpp - gradient descent with momentum ---------------------------===//

#include "lowbit/IR/Lowbit.h"
#include "lowbit/Observers/Values.h"
#include "mlir/Dialect/Arith/IR/Arith.h"

namespace mlir::lowbit {

LogicalResult SGDOptimizerAttr::verify(function_ref<InFlightDiagnostic()> emitError, APFloat momentum, APFloat decay) {
  if (!(momentum.convertToDouble() >= 0 && momentum.convertToDouble() < 1))
    return emitError() << "momentum is " << momentum.convertToDouble() << "; expected at least 0 and below 1";
  if (!(decay.convertToDouble() >= 0))
    return emitError() << "decay is " << decay.convertToDouble() << "; expected at least 0";
  return success();
}

unsigned SGDOptimizerAttr::getNumStates() const { return getMomentum().isZero() ? 0 : 1; }

SmallVector<Value> SGDOptimizerAttr::buildFactors(OpBuilder &, Location, Value) const { return {}; }

SmallVector<Value> SGDOptimizerAttr::buildUpdate(OpBuilder &builder, Location loc, Value parameter, Value gradient, ValueRange states,
                                                 ValueRange, bool decays) const {
  auto scale = [&](APFloat factor, Value value) -> Value {
    Value constant = arith::ConstantOp::create(builder, loc, builder.getF32FloatAttr(static_cast<float>(factor.convertToDouble())));
    return arith::MulFOp::create(builder, loc, constant, value);
  };
  auto add = [&](Value a, Value b) -> Value { return arith::AddFOp::create(builder, loc, a, b); };
  Value change = gradient;
  if (decays && !getDecay().isZero())
    change = add(change, scale(getDecay(), parameter));
  if (!states.empty())
    change = add(scale(getMomentum(), states[0]), change);
  return states.empty() ? SmallVector<Value>{change} : SmallVector<Value>{change, change};
}

} // namespace mlir::lowbit
