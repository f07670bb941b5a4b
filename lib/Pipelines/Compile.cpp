//===- Compile.cpp - from tensors to the LLVM dialect ---------------------===//
// Law: whatever the target, the same calling convention (Pipelines.h) and nothing of the dialect left at the end.

#include "lowbit/Conversion/Passes.h"
#include "lowbit/Pipelines/Contract.h"
#include "lowbit/Pipelines/GPU.h"
#include "lowbit/Pipelines/Lower.h"
#include "lowbit/Pipelines/Pipelines.h"
#include "lowbit/Pipelines/RecordSignatures.h"
#include "lowbit/Targets/Resolve.h"
#include "lowbit/Transforms/Passes.h"
#include "mlir/Conversion/Passes.h"
#include "mlir/Dialect/Linalg/Passes.h"
#include "mlir/Dialect/MemRef/Transforms/Passes.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Transforms/Passes.h"

namespace mlir::lowbit {
#define GEN_PASS_DEF_COMPILEPASS
#define GEN_PASS_DEF_FORMKERNELOPSPASS
#include "lowbit/Pipelines/Passes.h.inc"

/// Every lowbit op as its document says, one element after the other; reductions in their own order, or in the one that they say.
static void buildReferencePipeline(OpPassManager &pm) {
  pm.addPass(createDecomposeSoftmaxPass());
  pm.addPass(createLowerObservePass());
  pm.addPass(createLowerReferencePass());
  pm.addPass(createLowerMatmulsPass());
  pm.addPass(createCanonicalizerPass());
  pm.addPass(createCSEPass());
  pm.addPass(createDuplicateFillsPass()); // one that two results share would be placed where one of them lies
  buildBufferizePipeline(pm);
  pm.addPass(createExpandOrdersPass());
  pm.addPass(createPlanWorkspacePass());
  buildLowerToLLVMPipeline(pm);
}

static void cleanUp(OpPassManager &pm) {
  pm.addPass(createCanonicalizerPass());
  pm.addPass(createCSEPass());
}

/// Fused, in vector registers, on `threads` threads.
static void buildTargetPipeline(OpPassManager &pm, unsigned threads) {
  pm.addPass(createDecomposeSoftmaxPass());
  pm.addPass(createPackConstantsPass());
  pm.addPass(createLowerObservePass());
  pm.addPass(createLinalgGeneralizeNamedOpsPass());
  pm.addPass(createRelaxFloatPass());
  pm.addPass(createGatherBitsPass()); // takes borders off what a contraction then writes as codes
  // Borders and transpositions still have the shape that convolutions have.
  pm.addPass(createFuseQuantizePass());
  pm.addPass(createMoveChannelsLastPass());
  pm.addPass(createTrimWindowsPass());
  pm.addPass(createLinalgFoldUnitExtentDimsPass());
  cleanUp(pm);
  pm.addPass(createFormContractsPass());
  pm.addPass(createFuseQuantizePass());
  pm.addPass(createFoldThresholdsPass());
  buildContractPipeline(pm);
  pm.addPass(createLowerReferencePass());
  cleanUp(pm);
  pm.addPass(createFuseElementwisePass());
  cleanUp(pm);
  pm.addPass(createDuplicateFillsPass());
  pm.addPass(createFuseRowsPass());
  pm.addPass(createCanonicalizerPass());
  buildBufferizePipeline(pm);
  buildVectorCleanupPipeline(pm);
  pm.addPass(createExpandCopiesPass());
  pm.addPass(createVectorizePass());
  pm.addPass(createLowerDotProductsPass()); // of products that stayed linalg until now
  pm.addPass(createApproximateMathPass());
  pm.addPass(memref::createFoldMemRefAliasOpsPass()); // loops over threads must see which part of a buffer is whose
  cleanUp(pm);
  if (threads > 1) {
    ParallelizeLoopsPassOptions parallelize;
    parallelize.threads = threads;
    pm.addPass(createParallelizeLoopsPass(parallelize));
  }
  pm.addPass(createPlanWorkspacePass());
  pm.addPass(createOutlineLoopsPass());
  if (threads > 1) {
    ConvertSCFToOpenMPPassOptions options;
    options.numThreads = threads;
    pm.addPass(createConvertSCFToOpenMPPass(options));
  }
  buildLowerToLLVMPipeline(pm);
}

void buildCompilePipeline(OpPassManager &pm, const CompileOptions &options) {
  CompilePassOptions passOptions;
  passOptions.target = options.target;
  passOptions.threads = options.threads;
  pm.addPass(createCompilePass(passOptions));
}

namespace {
struct CompilePass final : impl::CompilePassBase<CompilePass> {
  using CompilePassBase::CompilePassBase;

  void getDependentDialects(DialectRegistry &registry) const override {
    registry.insert<LowbitDialect>();
    OpPassManager pm(ModuleOp::getOperationName());
    pm.addPass(createDefineDivisionsPass());
    buildReferencePipeline(pm);
    buildTargetPipeline(pm, /*threads=*/2);
    buildLaunchPipeline(pm);
    buildKernelOpsPipeline(pm, /*target=*/"", /*floats=*/true);
    buildDevicePipeline(pm);
    buildGPUSimPipeline(pm);
    pm.getDependentDialects(registry);
  }

  void runOnOperation() override {
    ModuleOp module = getOperation();
    if (threads == 0) {
      module.emitError("`threads` is 0; expected at least 1");
      return signalPassFailure();
    }
    FailureOr<QuantTargetAttrInterface> resolved = resolveTarget(&getContext(), target, [&] { return module.emitError(); });
    if (failed(resolved))
      return signalPassFailure();
    module->setAttr(targetAttrName, *resolved);
    recordSignatures(module);

    OpPassManager pm(ModuleOp::getOperationName());
    pm.addPass(createDefineDivisionsPass()); // of all targets the same way
    if (resolved->getGPU()) {
      buildLaunchPipeline(pm);
      resolved->isSimulated() ? buildGPUSimPipeline(pm) : buildDevicePipeline(pm);
    } else if (resolved->getVectorBits() == 0) {
      if (StringRef followed = resolved->getFollowedTarget(); !followed.empty())
        buildKernelOpsPipeline(pm, followed.str(), /*floats=*/true);
      buildReferencePipeline(pm);
    } else
      buildTargetPipeline(pm, threads);
    if (failed(runPipeline(pm, module)))
      signalPassFailure();
  }
};

struct FormKernelOpsPass final : impl::FormKernelOpsPassBase<FormKernelOpsPass> {
  using FormKernelOpsPassBase::FormKernelOpsPassBase;

  void getDependentDialects(DialectRegistry &registry) const override {
    OpPassManager pm(ModuleOp::getOperationName());
    buildKernelOpsPipeline(pm, /*target=*/"", /*floats=*/true);
    pm.getDependentDialects(registry);
  }

  void runOnOperation() override {
    OpPassManager pm(ModuleOp::getOperationName());
    buildKernelOpsPipeline(pm, target, floats);
    if (failed(runPipeline(pm, getOperation())))
      signalPassFailure();
  }
};
} // namespace
} // namespace mlir::lowbit
