//===- Contract.cpp - integer contractions on CPUs ------------------------===//
// Law: vectors are made on tensors, where subsets can be hoisted, and meet memory only after bufferization.

#include "lowbit/Pipelines/Contract.h"
#include "lowbit/Conversion/Passes.h"
#include "lowbit/Transforms/Passes.h"
#include "mlir/Dialect/MemRef/Transforms/Passes.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Transforms/Passes.h"

namespace mlir::lowbit {

void buildContractPipeline(OpPassManager &pm) {
  pm.addPass(createUnfoldWindowsPass());
  pm.addPass(createPackWeightsPass());
  pm.addPass(createLowerContractPass());
  pm.addPass(createCanonicalizerPass());
  pm.addPass(createCSEPass());
  pm.addPass(createConvertLowbitToVectorPass());
  pm.addPass(createCanonicalizerPass());
  pm.addPass(createCSEPass());
}

void buildVectorCleanupPipeline(OpPassManager &pm) {
  // Addresses are computed from the buffers themselves, so that constant strides are constants to LLVM.
  pm.addPass(memref::createFoldMemRefAliasOpsPass());
  pm.addPass(createLowerDotProductsPass());
  pm.addPass(createLowerTransfersPass());
  pm.addPass(memref::createFoldMemRefAliasOpsPass());
  pm.addPass(createCanonicalizerPass());
  pm.addPass(createCSEPass());
  pm.addPass(createPrefetchConstantsPass());
}

} // namespace mlir::lowbit
