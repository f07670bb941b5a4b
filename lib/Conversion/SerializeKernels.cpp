//===- SerializeKernels.cpp - kernels become bytes of the host's code ------===//
// Law: a kernel calls nothing that is not in its module; what the assembler says about it is kept or reported, never lost.

#include "Assembler.h"
#include "lowbit/Conversion/KernelSymbols.h"
#include "lowbit/Conversion/Passes.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/ExecutionEngine/OptUtils.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/Remarks.h"
#include "mlir/Target/LLVMIR/Dialect/All.h"
#include "mlir/Target/LLVMIR/Export.h"
#include "mlir/Target/LLVMIR/ModuleTranslation.h"
#include "llvm/IR/Intrinsics.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/IR/Module.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/Target/TargetMachine.h"
#include <mutex>

namespace mlir::lowbit {
#define GEN_PASS_DEF_SERIALIZEKERNELSPASS
#include "lowbit/Conversion/Passes.h.inc"

//===----------------------------------------------------------------------===//
// PTX
//===----------------------------------------------------------------------===//

static std::unique_ptr<llvm::TargetMachine> createMachine(NVVM::NVVMTargetAttr target, std::string &message) {
  static std::once_flag once;
  std::call_once(once, [] {
    llvm::InitializeAllTargetInfos();
    llvm::InitializeAllTargets();
    llvm::InitializeAllTargetMCs();
    llvm::InitializeAllAsmPrinters();
  });
  llvm::Triple triple(target.getTriple());
  const llvm::Target *backend = llvm::TargetRegistry::lookupTarget(triple, message);
  if (!backend)
    return nullptr;
  return std::unique_ptr<llvm::TargetMachine>(backend->createTargetMachine(triple, target.getChip(), target.getFeatures(), {}, std::nullopt,
                                                                           std::nullopt, llvm::CodeGenOptLevel::Aggressive));
}

/// Whether GPUs have no instruction for `intrinsic`: the code generator would end the process.
static bool needsLibrary(llvm::Intrinsic::ID intrinsic) {
  namespace I = llvm::Intrinsic;
  static constexpr I::ID functions[] = {I::exp, I::exp2, I::exp10, I::log,  I::log2, I::log10, I::pow,  I::powi, I::sin,
                                        I::cos, I::tan,  I::asin,  I::acos, I::atan, I::atan2, I::sinh, I::cosh, I::tanh};
  return llvm::is_contained(functions, intrinsic);
}

/// The first function that is called and has no code; empty when there is none.
static StringRef findUndefined(const llvm::Module &module) {
  for (const llvm::Function &function : module)
    if (function.isDeclaration() && !function.use_empty() && (!function.isIntrinsic() || needsLibrary(function.getIntrinsicID())))
      return function.getName();
  return {};
}

static FailureOr<std::string> emitPTX(gpu::GPUModuleOp kernels, NVVM::NVVMTargetAttr target) {
  std::string message;
  std::unique_ptr<llvm::TargetMachine> machine = createMachine(target, message);
  if (!machine)
    return kernels.emitError() << "no code generator for " << target.getTriple() << ": " << message, failure();
  llvm::LLVMContext context;
  std::unique_ptr<llvm::Module> code = translateModuleToLLVMIR(kernels, context, kernels.getName());
  if (!code)
    return kernels.emitError("cannot be translated to LLVM IR"), failure();
  code->setDataLayout(machine->createDataLayout());
  code->setTargetTriple(machine->getTargetTriple());
  if (llvm::Error error = makeOptimizingTransformer(/*optLevel=*/3, /*sizeLevel=*/0, machine.get())(code.get()))
    return kernels.emitError() << "code generation failed: " << llvm::toString(std::move(error)), failure();
  if (StringRef name = findUndefined(*code); !name.empty())
    return kernels.emitError() << "a kernel calls `" << name << "`, which no library for GPUs is linked for; expected code of its own",
           failure();
  SmallString<0> text;
  llvm::raw_svector_ostream stream(text);
  llvm::legacy::PassManager passes;
  if (machine->addPassesToEmitFile(passes, stream, nullptr, llvm::CodeGenFileType::AssemblyFile))
    return kernels.emitError("cannot be written as PTX"), failure();
  passes.run(*code);
  return std::string(text);
}

//===----------------------------------------------------------------------===//
// Globals
//===----------------------------------------------------------------------===//

/// What the host calls a kernel by: DeviceKernel in lowbit/Execution/Device.h.
static void defineKernel(OpBuilder &builder, Location loc, StringRef symbol, ArrayRef<LLVM::GlobalOp> pieces, int64_t bytes) {
  Type pointer = LLVM::LLVMPointerType::get(builder.getContext()), i64 = builder.getI64Type();
  auto type = LLVM::LLVMStructType::getLiteral(builder.getContext(), {pointer, pointer, i64, pointer, pointer, pointer});
  auto global = LLVM::GlobalOp::create(builder, loc, type, /*isConstant=*/false, LLVM::Linkage::Internal, symbol, Attribute());
  OpBuilder::InsertionGuard guard(builder);
  builder.createBlock(&global.getInitializerRegion());
  Value value = LLVM::ZeroOp::create(builder, loc, type);
  auto insert = [&](Value field, int64_t place) { value = LLVM::InsertValueOp::create(builder, loc, value, field, place); };
  insert(LLVM::AddressOfOp::create(builder, loc, pointer, programSymbol), 0);
  insert(LLVM::AddressOfOp::create(builder, loc, pieces[0]), 1);
  insert(LLVM::ConstantOp::create(builder, loc, builder.getI64IntegerAttr(bytes)), 2);
  insert(LLVM::AddressOfOp::create(builder, loc, pieces[1]), 3);
  insert(LLVM::AddressOfOp::create(builder, loc, pieces[2]), 4);
  LLVM::ReturnOp::create(builder, loc, value);
}

static LLVM::GlobalOp createBytes(OpBuilder &builder, Location loc, const Twine &name, StringRef bytes, unsigned alignment) {
  auto type = LLVM::LLVMArrayType::get(builder.getI8Type(), bytes.size());
  return LLVM::GlobalOp::create(builder, loc, type, /*isConstant=*/true, LLVM::Linkage::Internal, name.str(), builder.getStringAttr(bytes),
                                alignment);
}

/// A text with the zero that C ends it with.
static LLVM::GlobalOp createText(OpBuilder &builder, Location loc, const Twine &name, StringRef text) {
  return createBytes(builder, loc, name, StringRef(text.str().c_str(), text.size() + 1), /*alignment=*/1);
}

/// `image` in place of `kernels`, and a global for each kernel that is launched.
static void embed(gpu::GPUModuleOp kernels, NVVM::NVVMTargetAttr target, StringRef image, StringRef ptx) {
  auto module = kernels->getParentOfType<ModuleOp>();
  OpBuilder builder(kernels);
  Location loc = kernels.getLoc();
  std::string name = kernels.getName().str();
  LLVM::GlobalOp bytes = createBytes(builder, loc, name + ".image", image, /*alignment=*/64);
  bytes->setAttr(kernelTextAttrName, builder.getStringAttr(ptx));
  LLVM::GlobalOp chip = createText(builder, loc, name + ".chip", target.getChip());
  for (auto function : kernels.getOps<LLVM::LLVMFuncOp>()) {
    std::string symbol = getKernelSymbol(name, function.getName());
    auto declared = module.lookupSymbol<LLVM::GlobalOp>(symbol);
    if (!declared)
      continue;
    declared.erase();
    LLVM::GlobalOp label = createText(builder, loc, symbol + ".name", function.getName());
    defineKernel(builder, loc, symbol, {bytes, chip, label}, static_cast<int64_t>(image.size()));
  }
  kernels.erase();
}

static void reportResources(gpu::GPUModuleOp module, ArrayRef<KernelResources> kernels) {
  for (const KernelResources &kernel : kernels) {
    Operation *function = module.lookupSymbol(kernel.name);
    remark::passed(function ? function->getLoc() : module.getLoc(),
                   remark::RemarkOpts::name("assemble").category("lowbit").function(kernel.name))
        << remark::metric("registers", kernel.registers) << remark::metric("spill_bytes", kernel.spillBytes)
        << remark::metric("stack_bytes", kernel.stackBytes);
  }
}

namespace {
struct SerializeKernelsPass final : impl::SerializeKernelsPassBase<SerializeKernelsPass> {
  using SerializeKernelsPassBase::SerializeKernelsPassBase;

  void getDependentDialects(DialectRegistry &registry) const override {
    registerAllToLLVMIRTranslations(registry);
    registry.insert<LLVM::LLVMDialect, NVVM::NVVMDialect>();
  }

  void runOnOperation() override {
    ModuleOp module = getOperation();
    for (auto kernels : llvm::make_early_inc_range(module.getOps<gpu::GPUModuleOp>()))
      if (failed(serialize(kernels)))
        return signalPassFailure();
  }

  LogicalResult serialize(gpu::GPUModuleOp kernels) {
    auto target = kernels.getTargetsAttr() ? dyn_cast<NVVM::NVVMTargetAttr>(kernels.getTargetsAttr()[0]) : NVVM::NVVMTargetAttr();
    if (!target)
      return kernels.emitError("has no `#nvvm.target`; expected the GPU that its kernels are for");
    for (Operation &op : *kernels.getBody())
      if (isa<gpu::GPUFuncOp>(op))
        return op.emitError("is not in the LLVM dialect; expected kernels that are lowered");
    FailureOr<std::string> ptx = emitPTX(kernels, target);
    if (failed(ptx))
      return failure();
    std::string image = *ptx + '\0';
    if (assemble) {
      FailureOr<Assembly> assembly = assemblePTX(*ptx, target.getChip(), [&] { return kernels.emitError(); });
      if (failed(assembly))
        return failure();
      if (!assembly->cubin.empty())
        image = assembly->cubin;
      reportResources(kernels, assembly->kernels);
    }
    embed(kernels, target, image, *ptx);
    return success();
  }
};
} // namespace
} // namespace mlir::lowbit
