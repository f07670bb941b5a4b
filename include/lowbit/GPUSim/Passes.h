//===- Passes.h - kernels for the simulator of a GPU ----------------------===//
#ifndef LOWBIT_GPUSIM_PASSES_H
#define LOWBIT_GPUSIM_PASSES_H

#include "mlir/Pass/Pass.h"

namespace mlir::lowbit {

#define GEN_PASS_DECL
#define GEN_PASS_REGISTRATION
#include "lowbit/GPUSim/Passes.h.inc"

} // namespace mlir::lowbit

#endif // LOWBIT_GPUSIM_PASSES_H
