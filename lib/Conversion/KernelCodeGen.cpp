//===- KernelCodeGen.cpp - LLVM's code of kernels -------------------------===//
// Law: a kernel calls nothing that is not in its module, or an instruction of the machine.

#include "KernelCodeGen.h"
#include "SPIRVLabels.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/LLVMIR/ROCDLDialect.h"
#include "mlir/ExecutionEngine/OptUtils.h"
#include "mlir/Target/LLVMIR/Export.h"
#include "llvm/IR/Intrinsics.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/IR/Module.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/Target/TargetMachine.h"
#include "llvm/Transforms/Utils/Cloning.h"
#include <mutex>

namespace mlir::lowbit {

FailureOr<KernelMachine> KernelMachine::get(gpu::GPUModuleOp kernels) {
  if (auto triple = kernels->getAttrOfType<StringAttr>(LLVM::LLVMDialect::getTargetTripleAttrName()))
    return KernelMachine{llvm::Triple(triple.getValue()), "", ""};
  Attribute target = kernels.getTargetsAttr() ? kernels.getTargetsAttr()[0] : Attribute();
  if (auto nvvm = dyn_cast_or_null<NVVM::NVVMTargetAttr>(target))
    return KernelMachine{llvm::Triple(nvvm.getTriple()), nvvm.getChip().str(), nvvm.getFeatures().str()};
  if (auto rocdl = dyn_cast_or_null<ROCDL::ROCDLTargetAttr>(target))
    return KernelMachine{llvm::Triple(rocdl.getTriple()), rocdl.getChip().str(), rocdl.getFeatures().str()};
  return kernels.emitError("has no `#nvvm.target` or `#rocdl.target`; expected the GPU that its kernels are for");
}

static std::unique_ptr<llvm::TargetMachine> createTargetMachine(const KernelMachine &machine, std::string &message) {
  static std::once_flag once;
  std::call_once(once, [] {
    llvm::InitializeAllTargetInfos();
    llvm::InitializeAllTargets();
    llvm::InitializeAllTargetMCs();
    llvm::InitializeAllAsmPrinters();
    // Part of SPIR-V from 1.6 on, which few drivers take.
    if (llvm::cl::Option *extensions = llvm::cl::getRegisteredOptions().lookup("spirv-ext"))
      extensions->addOccurrence(0, "spirv-ext", "+SPV_KHR_integer_dot_product");
  });
  const llvm::Target *backend = llvm::TargetRegistry::lookupTarget(machine.triple, message);
  if (!backend)
    return nullptr;
  return std::unique_ptr<llvm::TargetMachine>(backend->createTargetMachine(machine.triple, machine.chip, machine.features, {}, std::nullopt,
                                                                           std::nullopt, llvm::CodeGenOptLevel::Aggressive));
}

/// Whether GPUs have no instruction for `intrinsic`: the code generator would end the process.
static bool needsLibrary(llvm::Intrinsic::ID intrinsic) {
  namespace I = llvm::Intrinsic;
  static constexpr I::ID functions[] = {I::exp, I::exp2, I::exp10, I::log,  I::log2, I::log10, I::pow,  I::powi, I::sin,
                                        I::cos, I::tan,  I::asin,  I::acos, I::atan, I::atan2, I::sinh, I::cosh, I::tanh};
  return llvm::is_contained(functions, intrinsic);
}

/// The first function that is called and has no code; empty when there is none. OpenCL's are instructions of SPIR-V.
static StringRef findUndefined(const llvm::Module &module) {
  for (const llvm::Function &function : module)
    if (function.isDeclaration() && !function.use_empty() && function.getCallingConv() != llvm::CallingConv::SPIR_FUNC &&
        (!function.isIntrinsic() || needsLibrary(function.getIntrinsicID())))
      return function.getName();
  return {};
}

/// The first function that a module of SPIR-V takes from elsewhere; empty where there is none. Variables that are built in are declared so.
static StringRef findImport(StringRef assembly) {
  for (StringRef line : llvm::split(assembly, '\n'))
    if (line.contains("LinkageAttributes") && line.rtrim().ends_with("Import") && !line.contains("\"__spirv_BuiltIn"))
      return line.split('"').second.split('"').first;
  return {};
}

static InFlightDiagnostic reportUndefined(gpu::GPUModuleOp kernels, StringRef name) {
  return kernels.emitError() << "a kernel calls `" << name << "`, which no library for GPUs is linked for; expected code of its own";
}

/// By a machine of its own, as that of SPIR-V remembers the module, and of a copy, which code generation changes.
static FailureOr<std::string> emitFile(gpu::GPUModuleOp kernels, const llvm::Module &code, const KernelMachine &described,
                                       llvm::CodeGenFileType type) {
  constexpr unsigned mostAttempts = 20;
  std::string message;
  std::vector<std::unique_ptr<llvm::Module>> copies; // each one elsewhere in memory
  for (unsigned attempt = 0; attempt < mostAttempts; ++attempt) {
    std::unique_ptr<llvm::TargetMachine> machine = createTargetMachine(described, message);
    SmallString<0> text;
    llvm::raw_svector_ostream stream(text);
    llvm::legacy::PassManager passes;
    if (machine->addPassesToEmitFile(passes, stream, nullptr, type))
      return kernels.emitError() << "cannot be written for " << described.triple.str(), failure();
    passes.run(*copies.emplace_back(llvm::CloneModule(code)));
    std::string file(text);
    bool isText = type == llvm::CodeGenFileType::AssemblyFile;
    if (!described.triple.isSPIRV() || (isText ? renumberTextLabels(file) : renumberLabels(file)))
      return file;
  }
  return kernels.emitError() << "has a function two blocks of which LLVM gives one name, in " << mostAttempts << " attempts", failure();
}

FailureOr<KernelText> emitKernels(gpu::GPUModuleOp kernels, const KernelMachine &described) {
  std::string message;
  std::unique_ptr<llvm::TargetMachine> machine = createTargetMachine(described, message);
  if (!machine)
    return kernels.emitError() << "no code generator for " << described.triple.str() << ": " << message, failure();
  llvm::LLVMContext context;
  context.setDiscardValueNames(true); // labels among them, of which SPIR-V would keep the names
  std::unique_ptr<llvm::Module> code = translateModuleToLLVMIR(kernels, context, kernels.getName());
  if (!code)
    return kernels.emitError("cannot be translated to LLVM IR"), failure();
  code->setDataLayout(machine->createDataLayout());
  code->setTargetTriple(machine->getTargetTriple());
  if (llvm::Error error = makeOptimizingTransformer(/*optLevel=*/3, /*sizeLevel=*/0, machine.get())(code.get()))
    return kernels.emitError() << "code generation failed: " << llvm::toString(std::move(error)), failure();
  if (StringRef name = findUndefined(*code); !name.empty())
    return reportUndefined(kernels, name), failure();
  KernelText text;
  if (!described.triple.isNVPTX()) {
    FailureOr<std::string> object = emitFile(kernels, *code, described, llvm::CodeGenFileType::ObjectFile);
    if (failed(object))
      return failure();
    text.object = *object;
  }
  FailureOr<std::string> assembly = emitFile(kernels, *code, described, llvm::CodeGenFileType::AssemblyFile);
  if (failed(assembly))
    return failure();
  if (StringRef name = findImport(*assembly); !name.empty())
    return reportUndefined(kernels, name), failure();
  text.assembly = *assembly;
  return text;
}

} // namespace mlir::lowbit
