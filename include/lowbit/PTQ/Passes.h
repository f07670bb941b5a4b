//===- Passes.h - post-training quantization algorithms -------------------===//
#ifndef LOWBIT_PTQ_PASSES_H
#define LOWBIT_PTQ_PASSES_H

#include "mlir/Pass/Pass.h"

namespace mlir::lowbit {

#define GEN_PASS_DECL
#define GEN_PASS_REGISTRATION
#include "lowbit/PTQ/Passes.h.inc"

} // namespace mlir::lowbit

#endif // LOWBIT_PTQ_PASSES_H
