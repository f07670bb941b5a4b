//===- Contract.h - integer contractions on CPUs --------------------------===//
#ifndef LOWBIT_PIPELINES_CONTRACT_H
#define LOWBIT_PIPELINES_CONTRACT_H

namespace mlir {
class OpPassManager;
} // namespace mlir

namespace mlir::lowbit {

/// From `lowbit.contract` to vector code on tensors, for the module's target; first of all, while other ops still are what they were.
/// What it leaves besides: `linalg.generic` over whole tensors that bring left codes to the form of the dot product (best fused with what
/// made them), and contractions that are no matmul of 8-bit codes, for `lowbit-lower-reference`.
void buildContractPipeline(OpPassManager &pm);

/// After bufferization and before anything that lowers vectors: dot products of the target, plain loads and stores.
void buildVectorCleanupPipeline(OpPassManager &pm);

} // namespace mlir::lowbit

#endif // LOWBIT_PIPELINES_CONTRACT_H
