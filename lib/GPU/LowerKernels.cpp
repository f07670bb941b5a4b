//===- LowerKernels.cpp - from lanes' code to the LLVM dialect ------------===//
// Law: arithmetic keeps its meaning; nothing is contracted, approximated or flushed to zero that the kernel did not say.

#include "PortKernels.h"
#include "lowbit/Conversion/KernelSymbols.h"
#include "lowbit/Conversion/Passes.h"
#include "lowbit/GPU/Passes.h"
#include "lowbit/IR/Lowbit.h"
#include "lowbit/Targets/GPUArchitecture.h"
#include "lowbit/Targets/Resolve.h"
#include "mlir/Conversion/ControlFlowToLLVM/ControlFlowToLLVM.h"
#include "mlir/Conversion/LLVMCommon/ConversionTarget.h"
#include "mlir/Conversion/LLVMCommon/TypeConverter.h"
#include "mlir/Conversion/Passes.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/LLVMIR/ROCDLDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Transforms/DialectConversion.h"
#include "mlir/Transforms/Passes.h"

namespace mlir::lowbit {
#define GEN_PASS_DEF_LOWERKERNELSPASS
#include "lowbit/GPU/Passes.h.inc"

/// Upstream's conversion of gpu ops for the machine, and of what that leaves.
static void addConversion(OpPassManager &kernels, const GPUArchitecture &gpu) {
  if (gpu.code == KernelCode::AMDGCN) {
    ConvertGpuOpsToROCDLOpsOptions options;
    options.chipset = gpu.chip.str();
    options.indexBitwidth = 64;
    kernels.addPass(createConvertGpuOpsToROCDLOps(options));
    return;
  }
  if (gpu.code == KernelCode::SPIRV) {
    ConvertGpuOpsToLLVMSPVOpsOptions options;
    options.use64bitIndex = true;
    kernels.addPass(createConvertGpuOpsToLLVMSPVOps(options));
    kernels.addPass(createArithToLLVMConversionPass());
    return;
  }
  ConvertGpuOpsToNVVMOpsOptions options;
  options.indexBitwidth = 64;
  kernels.addPass(createConvertGpuOpsToNVVMOps(options));
  kernels.addPass(createConvertNVVMToLLVMPass()); // those that are text of PTX
}

/// What is asserted stops the GPU where it does not hold; the call that reads results then fails.
static void trapAssertions(gpu::GPUModuleOp kernels) {
  kernels.walk([](cf::AssertOp op) {
    OpBuilder builder(op);
    Value truth = arith::ConstantIntOp::create(builder, op.getLoc(), /*value=*/1, /*width=*/1);
    Value isWrong = arith::XOrIOp::create(builder, op.getLoc(), op.getArg(), truth);
    auto branch = scf::IfOp::create(builder, op.getLoc(), isWrong, /*withElseRegion=*/false);
    builder.setInsertionPoint(branch.thenYield());
    LLVM::Trap::create(builder, op.getLoc());
    op.erase();
  });
}

/// Upstream's pass converts branches of a whole module, the host's among them.
static LogicalResult convertBranches(gpu::GPUModuleOp kernels) {
  LLVMTypeConverter converter(kernels.getContext());
  RewritePatternSet patterns(kernels.getContext());
  cf::populateControlFlowToLLVMConversionPatterns(converter, patterns);
  LLVMConversionTarget target(*kernels.getContext());
  target.addIllegalDialect<cf::ControlFlowDialect>();
  return applyPartialConversion(kernels, target, std::move(patterns));
}

static void buildPipeline(OpPassManager &pm, const GPUArchitecture &gpu) {
  OpPassManager &kernels = pm.nest<gpu::GPUModuleOp>();
  kernels.addPass(createCanonicalizerPass());
  kernels.addPass(createCSEPass());
  kernels.addPass(createSCFToControlFlowPass());
  kernels.addPass(createConvertVectorToLLVMPass());
  // Before upstream's patterns, which would call libdevice for what is one instruction.
  kernels.addPass(createLowerKernelMathPass());
  addConversion(kernels, gpu);
}

static void buildCleanUp(OpPassManager &pm) {
  OpPassManager &kernels = pm.nest<gpu::GPUModuleOp>();
  kernels.addPass(createReconcileUnrealizedCastsPass());
  kernels.addPass(createCanonicalizerPass());
  kernels.addPass(createCSEPass());
}

/// Dynamic shared memory is declared, so that it takes no byte of static memory, at the alignment that swizzles of 128 bytes count from.
static void declareSharedMemory(gpu::GPUModuleOp kernels) {
  constexpr unsigned sharedSpace = 3, alignment = 1024;
  for (auto global : kernels.getOps<LLVM::GlobalOp>()) {
    if (global.getAddrSpace() != sharedSpace)
      continue;
    global.setLinkage(LLVM::Linkage::External);
    global.setAlignment(alignment);
  }
}

/// Upstream's text of wgmma on bits does not say what they are multiplied by; there is only one way.
static void completeBitProducts(gpu::GPUModuleOp kernels) {
  constexpr StringLiteral types = ".s32.b1.b1 ", product = ".s32.b1.b1.and.popc ";
  kernels.walk([&](LLVM::InlineAsmOp op) {
    StringRef text = op.getAsmString();
    size_t at = text.find(types);
    if (text.contains("wgmma.mma_async") && at != StringRef::npos)
      op.setAsmString((text.take_front(at) + product + text.drop_front(at + types.size())).str());
  });
}

/// Arguments passed by value are tensor maps, which the hardware reads where they lie.
namespace {
class TensorMapArguments {
public:
  /// Before the conversion, which drops `llvm.byval`.
  explicit TensorMapArguments(ModuleOp module) {
    for (gpu::GPUModuleOp kernels : module.getOps<gpu::GPUModuleOp>())
      for (auto function : kernels.getOps<gpu::GPUFuncOp>())
        for (unsigned i = 0; i < function.getNumArguments(); ++i)
          if (Attribute type = function.getArgAttr(i, LLVM::LLVMDialect::getByValAttrName()))
            arguments.push_back({kernels, function.getName().str(), i, type});
  }

  /// After it: upstream allows the second attribute on this level only.
  void mark() const {
    for (const Argument &argument : arguments) {
      auto function = SymbolTable::lookupNearestSymbolFrom<LLVM::LLVMFuncOp>(
          argument.kernels, StringAttr::get(argument.kernels->getContext(), argument.function));
      function.setArgAttr(argument.index, LLVM::LLVMDialect::getByValAttrName(), argument.type);
      function.setArgAttr(argument.index, NVVM::NVVMDialect::getGridConstantAttrName(), UnitAttr::get(function.getContext()));
    }
  }

private:
  struct Argument {
    gpu::GPUModuleOp kernels;
    std::string function;
    unsigned index;
    Attribute type;
  };
  SmallVector<Argument> arguments;
};
} // namespace

namespace {
struct LowerKernelsPass final : impl::LowerKernelsPassBase<LowerKernelsPass> {
  using LowerKernelsPassBase::LowerKernelsPassBase;

  void getDependentDialects(DialectRegistry &registry) const override {
    LowerKernelsPassBase::getDependentDialects(registry);
    registry.insert<LowbitDialect, NVVM::NVVMDialect>();
    registry.insert<ROCDL::ROCDLDialect>();
    for (const GPUArchitecture &gpu : getGPUArchitectures()) {
      OpPassManager pm(ModuleOp::getOperationName());
      buildPipeline(pm, gpu);
      buildCleanUp(pm);
      pm.getDependentDialects(registry);
    }
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
    for (gpu::GPUModuleOp kernels : getOperation().getOps<gpu::GPUModuleOp>())
      setTarget(kernels, *gpu);
    if (gpu->code != KernelCode::PTX && failed(fixSharedMemory(getOperation())))
      return signalPassFailure();
    if (gpu->code != KernelCode::PTX)
      for (gpu::GPUModuleOp kernels : getOperation().getOps<gpu::GPUModuleOp>())
        portInstructions(kernels, *gpu);
    TensorMapArguments maps(getOperation());
    for (gpu::GPUModuleOp kernels : getOperation().getOps<gpu::GPUModuleOp>())
      trapAssertions(kernels);
    OpPassManager pm(ModuleOp::getOperationName());
    buildPipeline(pm, *gpu);
    if (failed(runPipeline(pm, getOperation())))
      return signalPassFailure();
    for (gpu::GPUModuleOp kernels : getOperation().getOps<gpu::GPUModuleOp>())
      if (failed(convertBranches(kernels)))
        return signalPassFailure();
    OpPassManager cleanUp(ModuleOp::getOperationName());
    buildCleanUp(cleanUp);
    if (failed(runPipeline(cleanUp, getOperation())))
      return signalPassFailure();
    for (gpu::GPUModuleOp kernels : getOperation().getOps<gpu::GPUModuleOp>()) {
      if (gpu->code == KernelCode::PTX)
        declareSharedMemory(kernels);
      completeBitProducts(kernels);
    }
    maps.mark();
  }

private:
  /// What `lowbit-serialize-kernels` generates code for.
  void setTarget(gpu::GPUModuleOp kernels, const GPUArchitecture &gpu) {
    OpBuilder builder(&getContext());
    if (gpu.code == KernelCode::SPIRV)
      return kernels->setAttr(LLVM::LLVMDialect::getTargetTripleAttrName(), builder.getStringAttr(spirvTriple));
    Attribute target = NVVM::NVVMTargetAttr::get(&getContext(), /*optLevel=*/3, "nvptx64-nvidia-cuda", gpu.chip, gpu.features);
    if (gpu.code == KernelCode::AMDGCN)
      target = ROCDL::ROCDLTargetAttr::get(&getContext(), /*optLevel=*/3, "amdgcn-amd-amdhsa", gpu.chip);
    kernels.setTargetsAttr(builder.getArrayAttr(target));
  }
};
} // namespace
} // namespace mlir::lowbit
