//===- KernelSymbols.h - what the host side calls kernels by ---------------===//
#ifndef LOWBIT_CONVERSION_KERNELSYMBOLS_H
#define LOWBIT_CONVERSION_KERNELSYMBOLS_H

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/IR/BuiltinOps.h"
#include <string>

namespace mlir::lowbit {

/// The global that owns what devices keep for a module (DeviceProgram in lowbit/Execution/Device.h).
inline constexpr llvm::StringLiteral programSymbol = "lowbit.program";

/// The attribute, on the global with a binary, that holds the assembly it was made of.
inline constexpr llvm::StringLiteral kernelTextAttrName = "lowbit.assembly";

/// Of the same global, where the kernels were assembled: a dictionary of what each takes, `registers`, `spill_bytes` and `stack_bytes`.
inline constexpr llvm::StringLiteral kernelResourcesAttrName = "lowbit.resources";

/// The triple of kernels in SPIR-V: with integer dot products, for OpenCL.
inline constexpr llvm::StringLiteral spirvTriple = "spirv64v1.4-unknown-unknown";

/// The global whose address `lowbit_gpu_launch` takes for `kernel` of the gpu.module `module`. `lowbit-lower-launches` declares it; who
/// compiles the kernel defines it.
std::string getKernelSymbol(StringRef module, StringRef kernel);

/// The function `name` of the run time, declared where it is not yet.
LLVM::LLVMFuncOp declareFunction(ModuleOp module, StringRef name, Type result, ArrayRef<Type> arguments);

} // namespace mlir::lowbit

#endif // LOWBIT_CONVERSION_KERNELSYMBOLS_H
