//===- Passes.h - passes that make kernels --------------------------------===//
#ifndef LOWBIT_GPU_PASSES_H
#define LOWBIT_GPU_PASSES_H

#include "mlir/Pass/Pass.h"

namespace mlir::lowbit {

#define GEN_PASS_DECL
#define GEN_PASS_REGISTRATION
#include "lowbit/GPU/Passes.h.inc"

} // namespace mlir::lowbit

#endif // LOWBIT_GPU_PASSES_H
