//===- Assembler.h - PTX to machine code of NVIDIA's GPUs ------------------===//
#ifndef LOWBIT_LIB_CONVERSION_ASSEMBLER_H
#define LOWBIT_LIB_CONVERSION_ASSEMBLER_H

#include "mlir/IR/Diagnostics.h"

namespace mlir::lowbit {

struct Assembly {
  std::string cubin; ///< Empty where there is no assembler: the driver then assembles.
  std::string log;   ///< Registers, shared memory and spills of each kernel, as the assembler words it.
};

/// Runs `ptxas`: the one that the variable LOWBIT_PTXAS names (none, when it is `none`), else that of the search path, else CUDA's usual
/// place.
FailureOr<Assembly> assemblePTX(StringRef ptx, StringRef chip, function_ref<InFlightDiagnostic()> emitError);

} // namespace mlir::lowbit

#endif // LOWBIT_LIB_CONVERSION_ASSEMBLER_H
