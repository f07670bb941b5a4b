//===- Passes.h - what quantization has done ----------------------------===//
#ifndef LOWBIT_REPORT_PASSES_H
#define LOWBIT_REPORT_PASSES_H

#include "mlir/Pass/Pass.h"

namespace mlir::lowbit {

#define GEN_PASS_DECL
#define GEN_PASS_REGISTRATION
#include "lowbit/Report/Passes.h.inc"

} // namespace mlir::lowbit

#endif // LOWBIT_REPORT_PASSES_H
