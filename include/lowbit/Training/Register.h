//===- Register.h - derivatives of foreign ops ----------------------------===//
#ifndef LOWBIT_TRAINING_REGISTER_H
#define LOWBIT_TRAINING_REGISTER_H

#include "mlir/IR/DialectRegistry.h"

namespace mlir::lowbit {

void registerArithRules(DialectRegistry &registry);
void registerLinalgRules(DialectRegistry &registry);
void registerLowbitRules(DialectRegistry &registry);
void registerMathRules(DialectRegistry &registry);
void registerTensorRules(DialectRegistry &registry);

/// All of them.
inline void registerDerivatives(DialectRegistry &registry) {
  registerArithRules(registry);
  registerLinalgRules(registry);
  registerLowbitRules(registry);
  registerMathRules(registry);
  registerTensorRules(registry);
}

} // namespace mlir::lowbit

#endif // LOWBIT_TRAINING_REGISTER_H
