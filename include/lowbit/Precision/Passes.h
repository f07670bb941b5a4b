//===- Passes.h - which site gets how many bits ---------------------------===//
#ifndef LOWBIT_PRECISION_PASSES_H
#define LOWBIT_PRECISION_PASSES_H

#include "mlir/Pass/Pass.h"

namespace mlir::lowbit {

#define GEN_PASS_DECL
#define GEN_PASS_REGISTRATION
#include "lowbit/Precision/Passes.h.inc"

} // namespace mlir::lowbit

#endif // LOWBIT_PRECISION_PASSES_H
