//===- CodeGen.h - what running code and writing objects have in common ---===//
#ifndef LOWBIT_LIB_EXECUTION_CODEGEN_H
#define LOWBIT_LIB_EXECUTION_CODEGEN_H

#include "lowbit/Interfaces/AttrInterfaces.h"
#include "lowbit/Pipelines/Pipelines.h"
#include "mlir/IR/BuiltinOps.h"
#include "llvm/Target/TargetMachine.h"

namespace mlir::lowbit {

/// Lowers `module` in place for `options`, unless it is in the LLVM dialect already, and readies it for the translation to LLVM IR.
LogicalResult lowerToLLVM(ModuleOp module, const CompileOptions &options);

/// Refuses more threads than this process may use cores of this machine.
LogicalResult checkThreads(ModuleOp module, unsigned threads);

/// Names for LLVM: triple, processor, features.
struct Machine {
  llvm::Triple triple;
  std::string processor, features;
};

/// Code for `machine`; reports to `module` when there is no code generator for it.
FailureOr<std::unique_ptr<llvm::TargetMachine>> createTargetMachine(ModuleOp module, const Machine &machine, bool jit);

/// Level 3 doubles the time to compile a whole model and changes no time that was measured: loops come vectorized.
inline constexpr unsigned optimizationLevel = 2;

} // namespace mlir::lowbit

#endif // LOWBIT_LIB_EXECUTION_CODEGEN_H
