//===- Passes.h - training in the IR --------------------------------------===//
#ifndef LOWBIT_TRAINING_PASSES_H
#define LOWBIT_TRAINING_PASSES_H

#include "mlir/Pass/Pass.h"

namespace mlir::lowbit {

#define GEN_PASS_DECL
#define GEN_PASS_REGISTRATION
#include "lowbit/Training/Passes.h.inc"

} // namespace mlir::lowbit

#endif // LOWBIT_TRAINING_PASSES_H
