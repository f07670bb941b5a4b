//===- Lower.h - the parts of the way down that all targets share ---------===//
#ifndef LOWBIT_PIPELINES_LOWER_H
#define LOWBIT_PIPELINES_LOWER_H

namespace mlir {
class OpPassManager;
} // namespace mlir

namespace mlir::lowbit {

/// Tensors to buffers: entry points take destinations, every other buffer has one owner and is freed.
void buildBufferizePipeline(OpPassManager &pm);

/// From linalg, vector, scf and memref on buffers to the LLVM dialect, verified to be complete.
void buildLowerToLLVMPipeline(OpPassManager &pm);

} // namespace mlir::lowbit

#endif // LOWBIT_PIPELINES_LOWER_H
