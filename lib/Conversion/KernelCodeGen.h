//===- KernelCodeGen.h - LLVM's code of kernels ---------------------------===//
#ifndef LOWBIT_LIB_CONVERSION_KERNELCODEGEN_H
#define LOWBIT_LIB_CONVERSION_KERNELCODEGEN_H

#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "llvm/TargetParser/Triple.h"

namespace mlir::lowbit {

/// The machine that a module of kernels names: by `#nvvm.target` or `#rocdl.target`, or by the triple of SPIR-V.
struct KernelMachine {
  llvm::Triple triple;
  std::string chip, features;

  /// Failure after an error where it names none.
  static FailureOr<KernelMachine> get(gpu::GPUModuleOp kernels);
};

struct KernelText {
  std::string assembly;
  std::string object; ///< Empty for PTX, of which LLVM writes text alone.
};

/// Compiles kernels that are in the LLVM dialect. Failure after an error.
FailureOr<KernelText> emitKernels(gpu::GPUModuleOp kernels, const KernelMachine &machine);

} // namespace mlir::lowbit

#endif // LOWBIT_LIB_CONVERSION_KERNELCODEGEN_H
