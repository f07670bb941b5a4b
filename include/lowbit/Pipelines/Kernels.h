//===- Kernels.h - kernels of a GPU and the code that launches them --------===//
#ifndef LOWBIT_PIPELINES_KERNELS_H
#define LOWBIT_PIPELINES_KERNELS_H

namespace mlir {
class OpPassManager;
} // namespace mlir

namespace mlir::lowbit {

/// From `gpu.module`s with an `#nvvm.target`, and functions on buffers that launch their kernels, to the LLVM dialect with the binaries
/// inside. Kernels are at the level of one lane.
void buildLowerKernelsPipeline(OpPassManager &pm);

} // namespace mlir::lowbit

#endif // LOWBIT_PIPELINES_KERNELS_H
