//===- GPU.cpp - models on GPUs -------------------------------------------===//
// Law: whatever computes is a kernel; the host only launches. Buffers have their places before any op is a launch, which hides its buffers.

#include "lowbit/Pipelines/GPU.h"
#include "lowbit/Conversion/Passes.h"
#include "lowbit/GPU/Passes.h"
#include "lowbit/GPUSim/Passes.h"
#include "lowbit/Pipelines/Lower.h"
#include "lowbit/Transforms/Passes.h"
#include "mlir/Conversion/AffineToStandard/AffineToStandard.h"
#include "mlir/Dialect/Affine/Transforms/Passes.h"
#include "mlir/Dialect/Linalg/Passes.h"
#include "mlir/Dialect/MemRef/Transforms/Passes.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Transforms/Passes.h"

namespace mlir::lowbit {

/// Windows of one convolution of floats in the workspace: 256 MiB. A model of more is a loop there, slow but small.
static constexpr int64_t mostWindowBytes = 256 << 20;

static void cleanUp(OpPassManager &pm) {
  pm.addPass(createCanonicalizerPass());
  pm.addPass(createCSEPass());
}

/// What kernels compute, as ops on tensors; moves and joins, but changes no bit of any result. An empty name is that of the module's
/// target.
static void buildFormOpsPipeline(OpPassManager &pm, const std::string &target) {
  pm.addPass(createDecomposeSoftmaxPass());
  pm.addPass(createLowerObservePass());
  pm.addPass(createSumScatteredRowsPass());
  UnfoldConvolutionsPassOptions unfold;
  unfold.kernels = true;
  unfold.mostBytes = mostWindowBytes;
  pm.addPass(createUnfoldConvolutionsPass(unfold));
  pm.addPass(createLinalgGeneralizeNamedOpsPass());
  pm.addPass(createScalarsToTensorsPass());
  pm.addPass(createRelaxFloatPass());
  pm.addPass(createFuseQuantizePass());
  pm.addPass(createMoveChannelsLastPass({target}));
  cleanUp(pm);
  pm.addPass(createUnfoldWindowsPass({target}));
  pm.addPass(createNarrowEarlyPass());
  cleanUp(pm);
  pm.addPass(createFormMatmulsPass({target}));
  pm.addPass(createJoinMatmulsPass());
  pm.addPass(createLowerReferencePass());
  cleanUp(pm);
  pm.addPass(createTrimWindowsPass());
  pm.addPass(createLinalgFoldUnitExtentDimsPass());
  cleanUp(pm);
  pm.addPass(createFuseElementwisePass());
  cleanUp(pm);
  pm.addPass(createSplitSumsPass());
  pm.addPass(createDuplicateFillsPass());
}

/// How they compute floats, down to each operation. Ops in rows become loops only with `rows`.
static void buildDefineFloatsPipeline(OpPassManager &pm, const std::string &target, bool rows) {
  FormRowsPassOptions rowOptions;
  rowOptions.target = target;
  rowOptions.loops = rows;
  pm.addPass(createFormRowsPass(rowOptions));
  pm.addPass(createCanonicalizerPass());
  pm.addPass(createOrderSumsPass({target}));
  ApproximateMathPassOptions approximate;
  approximate.reciprocals = true;
  pm.addPass(createApproximateMathPass(approximate));
  pm.addPass(createDivideByProductsPass());
  pm.addPass(createSettleFloatsPass());
}

void buildKernelOpsPipeline(OpPassManager &pm, const std::string &target, bool floats) {
  buildFormOpsPipeline(pm, target);
  if (floats)
    buildDefineFloatsPipeline(pm, target, /*rows=*/false);
}

void buildLaunchPipeline(OpPassManager &pm) {
  buildFormOpsPipeline(pm, /*target=*/"");
  buildDefineFloatsPipeline(pm, /*target=*/"", /*rows=*/true);
  buildBufferizePipeline(pm);
  pm.addPass(memref::createFoldMemRefAliasOpsPass());
  pm.addPass(affine::createAffineExpandIndexOpsPass());
  cleanUp(pm);
  pm.addPass(createSplitMatmulsPass()); // what it adds is part of the workspace
  pm.addPass(createPlanWorkspacePass());
  pm.addPass(createLaunchMatmulsPass());
  pm.addPass(createLaunchRowsPass());
  pm.addPass(createLaunchLoopsPass());
  pm.addNestedPass<gpu::GPUModuleOp>(createLowerAffinePass()); // which rows still read
  cleanUp(pm);
  pm.addPass(createEmulateBFloat16Pass());
  pm.addNestedPass<gpu::GPUModuleOp>(createSettleFloatsPass());
  pm.addNestedPass<gpu::GPUModuleOp>(createRoundByAdditionPass());
  pm.addPass(createVerifyGPUPass());
}

void buildAssemblePipeline(OpPassManager &pm) {
  pm.addPass(createLowerKernelsPass());
  pm.addPass(createLowerLaunchesPass());
  pm.addPass(createSerializeKernelsPass());
}

void buildDevicePipeline(OpPassManager &pm) {
  buildAssemblePipeline(pm);
  buildLowerToLLVMPipeline(pm);
}

void buildGPUSimPipeline(OpPassManager &pm) {
  pm.addPass(createLowerLaunchesPass());
  pm.addPass(createLowerGPUToSimPass());
  buildLowerToLLVMPipeline(pm);
}

} // namespace mlir::lowbit
