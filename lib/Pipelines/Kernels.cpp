//===- Kernels.cpp - kernels of a GPU and the code that launches them ------===//
// Law: kernels go through the same passes whatever the GPU; what differs between GPUs is settled before.

#include "lowbit/Pipelines/Kernels.h"
#include "lowbit/Conversion/Passes.h"
#include "lowbit/Pipelines/Pipelines.h"
#include "mlir/Conversion/GPUToNVVM/GPUToNVVMPass.h"
#include "mlir/Conversion/Passes.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/MemRef/Transforms/Passes.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Transforms/Passes.h"

namespace mlir::lowbit {
#define GEN_PASS_DEF_LOWERKERNELSPASS
#include "lowbit/Pipelines/Passes.h.inc"

static void buildKernelPipeline(OpPassManager &kernels) {
  kernels.addPass(memref::createExpandStridedMetadataPass());
  kernels.addPass(createLowerAffinePass());
  kernels.addPass(createConvertVectorToSCFPass());
  kernels.addPass(createSCFToControlFlowPass());
  kernels.addPass(createLowerKernelMathPass());
  kernels.addPass(createConvertGpuOpsToNVVMOps());
  kernels.addPass(createConvertVectorToLLVMPass());
  kernels.addPass(createUBToLLVMConversionPass());
  kernels.addPass(createConvertNVVMToLLVMPass()); // instructions that only inline assembly can say
  kernels.addPass(createReconcileUnrealizedCastsPass());
  kernels.addPass(createCanonicalizerPass());
  kernels.addPass(createCSEPass());
}

void buildLowerKernelsPipeline(OpPassManager &pm) {
  pm.addPass(createLowerLaunchesPass());
  buildKernelPipeline(pm.nest<gpu::GPUModuleOp>());
  pm.addPass(createSerializeKernelsPass());
}

namespace {
struct LowerKernelsPass final : impl::LowerKernelsPassBase<LowerKernelsPass> {
  void getDependentDialects(DialectRegistry &registry) const override {
    OpPassManager pm(ModuleOp::getOperationName());
    buildLowerKernelsPipeline(pm);
    pm.getDependentDialects(registry);
  }

  void runOnOperation() override {
    OpPassManager pm(ModuleOp::getOperationName());
    buildLowerKernelsPipeline(pm);
    if (failed(runPipeline(pm, getOperation())))
      signalPassFailure();
  }
};
} // namespace

} // namespace mlir::lowbit
