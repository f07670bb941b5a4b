//===- PortKernels.h - kernels on machines of other makers ----------------===//
//
// Kernels are written in upstream's common dialects, and where those have no word for an instruction in NVVM's. What of this another
// machine has under another name is renamed here; `lowbit-verify-gpu` refuses the rest before.
//
//===----------------------------------------------------------------------===//
#ifndef LOWBIT_LIB_GPU_PORTKERNELS_H
#define LOWBIT_LIB_GPU_PORTKERNELS_H

#include "lowbit/Targets/GPUArchitecture.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/IR/BuiltinOps.h"

namespace mlir::lowbit {

/// Dynamic shared memory becomes a global of the kernel's module, of as many bytes as its launches give: a file with a kernel alone then
/// says what it takes. Failure after an error where that is not known.
LogicalResult fixSharedMemory(ModuleOp module);

/// Renames shuffles and dot products of bytes.
void portInstructions(gpu::GPUModuleOp kernels, const GPUArchitecture &gpu);

} // namespace mlir::lowbit

#endif // LOWBIT_LIB_GPU_PORTKERNELS_H
