//===- SmoothRules.h - sites whose rule says `smooth` ---------------------===//
#ifndef LOWBIT_LIB_PTQ_SMOOTHRULES_H
#define LOWBIT_LIB_PTQ_SMOOTHRULES_H

#include "mlir/IR/BuiltinOps.h"

namespace mlir::lowbit {

/// Smooths, before schemes are assigned, the activations of the sites of `module` whose rule in `recipe` says `smooth`, by that strength.
LogicalResult smoothByRules(ModuleOp module, StringRef recipe, StringRef statisticsPath);

} // namespace mlir::lowbit

#endif // LOWBIT_LIB_PTQ_SMOOTHRULES_H
