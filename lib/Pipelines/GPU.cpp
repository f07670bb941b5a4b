//===- GPU.cpp - models on GPUs -------------------------------------------===//
// Law: whatever computes is a kernel; the host only launches. Buffers have their places before any op is a launch, which hides its buffers.

#include "lowbit/Pipelines/GPU.h"
#include "lowbit/Conversion/Passes.h"
#include "lowbit/GPU/Passes.h"
#include "lowbit/GPUSim/Passes.h"
#include "lowbit/Pipelines/Lower.h"
#include "lowbit/Transforms/Passes.h"
#include "mlir/Dialect/Linalg/Passes.h"
#include "mlir/Dialect/MemRef/Transforms/Passes.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Transforms/Passes.h"

namespace mlir::lowbit {

static void cleanUp(OpPassManager &pm) {
  pm.addPass(createCanonicalizerPass());
  pm.addPass(createCSEPass());
}

void buildLaunchPipeline(OpPassManager &pm) {
  pm.addPass(createDecomposeSoftmaxPass());
  pm.addPass(createLowerObservePass());
  pm.addPass(createLinalgGeneralizeNamedOpsPass());
  pm.addNestedPass<func::FuncOp>(createScalarsToTensorsPass());
  pm.addPass(createRelaxFloatPass());
  pm.addPass(createFuseQuantizePass());
  cleanUp(pm);
  pm.addPass(createNarrowEarlyPass());
  cleanUp(pm);
  pm.addPass(createFormMatmulsPass());
  pm.addPass(createJoinMatmulsPass());
  pm.addPass(createLowerReferencePass());
  cleanUp(pm);
  pm.addPass(createLinalgFoldUnitExtentDimsPass());
  cleanUp(pm);
  pm.addPass(createFuseElementwisePass());
  cleanUp(pm);
  pm.addPass(createSplitSumsPass());
  pm.addPass(createDuplicateFillsPass());
  pm.addPass(createFormRowsPass());
  pm.addPass(createCanonicalizerPass());
  buildBufferizePipeline(pm);
  pm.addPass(createApproximateMathPass());
  pm.addPass(memref::createFoldMemRefAliasOpsPass());
  cleanUp(pm);
  pm.addPass(createPlanWorkspacePass());
  pm.addPass(createLaunchMatmulsPass());
  pm.addPass(createLaunchRowsPass());
  pm.addPass(createLaunchLoopsPass());
  cleanUp(pm);
  pm.addPass(createEmulateBFloat16Pass());
  pm.addNestedPass<gpu::GPUModuleOp>(createSettleFloatsPass());
  pm.addNestedPass<gpu::GPUModuleOp>(createRoundByAdditionPass());
  pm.addNestedPass<gpu::GPUModuleOp>(createDivideByProductsPass());
  pm.addPass(createVerifyGPUPass());
}

void buildDevicePipeline(OpPassManager &pm) {
  pm.addPass(createLowerKernelsPass());
  pm.addPass(createLowerLaunchesPass());
  pm.addPass(createSerializeKernelsPass());
  buildLowerToLLVMPipeline(pm);
}

void buildGPUSimPipeline(OpPassManager &pm) {
  pm.addPass(createLowerLaunchesPass());
  pm.addPass(createLowerGPUToSimPass());
  buildLowerToLLVMPipeline(pm);
}

} // namespace mlir::lowbit
