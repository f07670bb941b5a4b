//===- Adam.cpp - Adam and AdamW ------------------------------------------===//

#include "lowbit/IR/Lowbit.h"
#include "lowbit/Observers/Values.h"
#include "lowbit/Optimizers/Moments.h"

namespace mlir::lowbit {

static Moments getMoments(AdamOptimizerAttr attr) { return {attr.getBeta1(), attr.getBeta2(), attr.getEpsilon(), attr.getDecay()}; }

LogicalResult AdamOptimizerAttr::verify(function_ref<InFlightDiagnostic()> emitError, APFloat beta1, APFloat beta2, APFloat epsilon,
                                        APFloat decay) {
  return Moments{beta1, beta2, epsilon, decay}.verify(emitError);
}

unsigned AdamOptimizerAttr::getNumStates() const { return 2; }

SmallVector<Value> AdamOptimizerAttr::buildFactors(OpBuilder &builder, Location loc, Value step) const {
  return getMoments(*this).buildFactors(builder, loc, step);
}

SmallVector<Value> AdamOptimizerAttr::buildUpdate(OpBuilder &builder, Location loc, Value parameter, Value gradient, ValueRange states,
                                                  ValueRange factors, bool decays) const {
  return getMoments(*this).buildUpdate(builder, loc, parameter, gradient, states, factors, decays);
}

} // namespace mlir::lowbit
