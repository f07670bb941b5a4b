//===- LowerKernels.cpp - from lanes' code to the NVVM dialect ------------===//
// Law: arithmetic keeps its meaning; nothing is contracted, approximated or flushed to zero that the kernel did not say.

#include "lowbit/GPU/Passes.h"
#include "lowbit/IR/Lowbit.h"
#include "lowbit/Targets/GPUArchitecture.h"
#include "lowbit/Targets/Resolve.h"
#include "mlir/Conversion/Passes.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Transforms/Passes.h"

namespace mlir::lowbit {
#define GEN_PASS_DEF_LOWERKERNELSPASS
#include "lowbit/GPU/Passes.h.inc"

static void buildPipeline(OpPassManager &pm) {
  OpPassManager &kernels = pm.nest<gpu::GPUModuleOp>();
  kernels.addPass(createCanonicalizerPass());
  kernels.addPass(createCSEPass());
  kernels.addPass(createSCFToControlFlowPass());
  kernels.addPass(createConvertVectorToLLVMPass());
  // Before upstream's patterns, which would call libdevice for what is one instruction.
  kernels.addPass(createConvertMathToLLVMPass());
  ConvertGpuOpsToNVVMOpsOptions options;
  options.indexBitwidth = 64;
  kernels.addPass(createConvertGpuOpsToNVVMOps(options));
  kernels.addPass(createReconcileUnrealizedCastsPass());
  kernels.addPass(createCanonicalizerPass());
  kernels.addPass(createCSEPass());
}

namespace {
struct LowerKernelsPass final : impl::LowerKernelsPassBase<LowerKernelsPass> {
  using LowerKernelsPassBase::LowerKernelsPassBase;

  void getDependentDialects(DialectRegistry &registry) const override {
    LowerKernelsPassBase::getDependentDialects(registry);
    registry.insert<LowbitDialect, NVVM::NVVMDialect>();
    OpPassManager pm(ModuleOp::getOperationName());
    buildPipeline(pm);
    pm.getDependentDialects(registry);
  }

  void runOnOperation() override {
    FailureOr<QuantTargetAttrInterface> resolved = getPassTarget(getOperation(), target);
    if (failed(resolved))
      return signalPassFailure();
    const GPUArchitecture *gpu = resolved->getGPU();
    if (!gpu) {
      getOperation().emitError() << "`" << resolved->getName() << "` is no GPU, so that there are no kernels for it";
      return signalPassFailure();
    }
    for (gpu::GPUModuleOp kernels : getOperation().getOps<gpu::GPUModuleOp>()) {
      OpBuilder builder(&getContext());
      auto nvvm = NVVM::NVVMTargetAttr::get(&getContext(), /*optLevel=*/3, "nvptx64-nvidia-cuda", gpu->chip, gpu->ptx);
      kernels.setTargetsAttr(builder.getArrayAttr(nvvm));
    }
    OpPassManager pm(ModuleOp::getOperationName());
    buildPipeline(pm);
    if (failed(runPipeline(pm, getOperation())))
      signalPassFailure();
  }
};
} // namespace
} // namespace mlir::lowbit
