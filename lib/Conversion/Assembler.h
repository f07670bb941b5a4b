//===- Assembler.h - tools that finish the code of kernels ----------------===//
#ifndef LOWBIT_LIB_CONVERSION_ASSEMBLER_H
#define LOWBIT_LIB_CONVERSION_ASSEMBLER_H

#include "mlir/IR/Diagnostics.h"

namespace mlir::lowbit {

/// What a kernel takes.
struct KernelResources {
  std::string name;
  /// Of a thread; spills are what it stores and what it loads again, as the code has them.
  unsigned registers = 0, spillBytes = 0, stackBytes = 0;
};

struct Assembly {
  std::string binary; ///< Empty where the tool is not there.
  std::vector<KernelResources> kernels;
};

/// The `ptxas` that the variable LOWBIT_PTXAS names (none, when it is `none`), else that of the search path, else that of the package
/// `nvidia-cuda-nvcc` beside this one, else CUDA's usual place; empty where there is none. test/ptxas.py looks in the same places.
std::string findPTXAssembler();

/// Runs `ptxas`, without which the driver assembles.
FailureOr<Assembly> assemblePTX(StringRef ptx, StringRef chip, function_ref<InFlightDiagnostic()> emitError);

/// Runs LLVM's linker, which makes an object a file that AMD's run times load. What the kernels take is read in `assembly`.
FailureOr<Assembly> linkAMDGCN(StringRef object, StringRef assembly, function_ref<InFlightDiagnostic()> emitError);

} // namespace mlir::lowbit

#endif // LOWBIT_LIB_CONVERSION_ASSEMBLER_H
