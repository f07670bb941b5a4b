//===- Assembler.h - PTX to machine code of NVIDIA's GPUs ------------------===//
#ifndef LOWBIT_LIB_CONVERSION_ASSEMBLER_H
#define LOWBIT_LIB_CONVERSION_ASSEMBLER_H

#include "mlir/IR/Diagnostics.h"

namespace mlir::lowbit {

/// What the assembler says that a kernel takes.
struct KernelResources {
  std::string name;
  unsigned registers = 0, spillBytes = 0, stackBytes = 0; ///< Of a thread.
};

struct Assembly {
  std::string cubin; ///< Empty where there is no assembler: the driver then assembles.
  std::vector<KernelResources> kernels;
};

/// Runs `ptxas`: the one that the variable LOWBIT_PTXAS names (none, when it is `none`), else that of the search path, else CUDA's usual
/// place.
FailureOr<Assembly> assemblePTX(StringRef ptx, StringRef chip, function_ref<InFlightDiagnostic()> emitError);

} // namespace mlir::lowbit

#endif // LOWBIT_LIB_CONVERSION_ASSEMBLER_H
