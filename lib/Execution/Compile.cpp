//===- Compile.cpp - from a module to code in this process ----------------===//
// Law: code runs on this machine only if its target says that it can.

#include "Constants.h"
#include "lowbit/Execution/Executable.h"
#include "lowbit/Targets/Resolve.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/ExecutionEngine/CRunnerUtils.h"
#include "mlir/ExecutionEngine/ExecutionEngine.h"
#include "mlir/ExecutionEngine/OptUtils.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Target/LLVMIR/Dialect/All.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Support/DynamicLibrary.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/Target/TargetMachine.h"
#include "llvm/TargetParser/Host.h"
#include <mutex>

namespace mlir::lowbit {

/// Whether functions are in the LLVM dialect already.
static bool isLowered(ModuleOp module) { return !module.getOps<LLVM::LLVMFuncOp>().empty() && module.getOps<func::FuncOp>().empty(); }

static LogicalResult lower(ModuleOp module, const CompileOptions &options) {
  PassManager pm(module.getContext(), ModuleOp::getOperationName());
  buildCompilePipeline(pm, options);
  return pm.run(module);
}

/// Machine code for `target`, or for this machine as it is when there is none or it is the best one for it anyway.
static FailureOr<std::unique_ptr<llvm::TargetMachine>> createTargetMachine(ModuleOp module, QuantTargetAttrInterface target) {
  llvm::Triple triple(llvm::sys::getProcessTriple());
  llvm::StringMap<bool> hostFeatures = llvm::sys::getHostCPUFeatures();
  std::string processor = llvm::sys::getHostCPUName().str(), features;
  // A target without a processor of its own takes the one that is there.
  bool fixed = target && !target.getProcessor().empty();
  if (fixed && target.getPreference(triple, hostFeatures) < 0)
    return emitError(module.getLoc()) << "target `" << target.getName() << "` (" << target.getTriple() << ") does not run on this machine ("
                                      << triple.str() << ", " << processor << "); choose `host`";
  if (fixed) {
    processor = target.getProcessor().str();
    features = target.getFeatures().str();
  } else {
    for (const auto &feature : hostFeatures)
      features += (features.empty() ? "" : ",") + std::string(feature.second ? "+" : "-") + feature.first().str();
  }
  std::string message;
  const llvm::Target *backend = llvm::TargetRegistry::lookupTarget(triple, message);
  std::unique_ptr<llvm::TargetMachine> machine;
  if (backend)
    machine.reset(backend->createTargetMachine(triple, processor, features, {}, llvm::Reloc::PIC_, std::nullopt,
                                               llvm::CodeGenOptLevel::Aggressive, /*JIT=*/true));
  if (!machine)
    return emitError(module.getLoc()) << "no code generator for " << triple.str() << ": " << message;
  return machine;
}

/// The translation to LLVM IR warns of argument attributes that it does not know, and nothing reads ours any more.
static void dropPortAttributes(ModuleOp module) {
  for (auto function : module.getOps<LLVM::LLVMFuncOp>())
    for (unsigned i = 0; i < function.getNumArguments(); ++i)
      for (NamedAttribute attr : llvm::to_vector(function_interface_impl::getArgAttrs(function, i)))
        if (attr.getName().strref().starts_with("lowbit."))
          function.removeArgAttr(i, attr.getName());
}

static void prepareCodeGenerators() {
  static std::once_flag once;
  std::call_once(once, [] {
    llvm::InitializeNativeTarget();
    llvm::InitializeNativeTargetAsmPrinter();
    llvm::InitializeNativeTargetAsmParser();
  });
}

static llvm::orc::SymbolMap getSymbols(llvm::orc::MangleAndInterner mangle, ArrayRef<RuntimeSymbol> symbols) {
  llvm::orc::SymbolMap map;
  auto add = [&](StringRef name, void *address) {
    map[mangle(name)] = {llvm::orc::ExecutorAddr::fromPtr(address), llvm::JITSymbolFlags::Exported};
  };
  // Named here because a Python module's libraries are not in the process's global scope.
  add("memrefCopy", reinterpret_cast<void *>(&memrefCopy));
  for (const RuntimeSymbol &symbol : symbols)
    add(symbol.name, symbol.address);
  return map;
}

FailureOr<std::unique_ptr<Executable>> Executable::compile(ModuleOp module, const CompileOptions &options,
                                                           ArrayRef<RuntimeSymbol> symbols) {
  if (!isLowered(module) && failed(lower(module, options)))
    return failure();
  prepareCodeGenerators();
  QuantTargetAttrInterface target = getTarget(module);
  auto optimizerMachine = createTargetMachine(module, target), machine = createTargetMachine(module, target);
  if (failed(optimizerMachine) || failed(machine))
    return failure();
  // Parallel regions call OpenMP's run time, which nothing of ours links.
  std::string message;
  if (options.threads > 1 && llvm::sys::DynamicLibrary::LoadLibraryPermanently("libomp.so.5", &message))
    return emitError(module.getLoc()) << "several threads need OpenMP's library: " << message << "; install libomp5 or use `threads=1`";
  std::unique_ptr<Executable> executable(new Executable());
  SmallVector<RuntimeSymbol> allSymbols(symbols);
  if (failed(externalizeConstants(module, executable->constants, allSymbols)))
    return failure();
  dropPortAttributes(module);
  DialectRegistry translations;
  registerAllToLLVMIRTranslations(translations);
  module.getContext()->appendDialectRegistry(translations);

  // Level 3 doubles the time to compile a whole model and changes no time that was measured: loops come vectorized.
  auto optimize = makeOptimizingTransformer(/*optLevel=*/2, /*sizeLevel=*/0, optimizerMachine->get());
  ExecutionEngineOptions engineOptions;
  engineOptions.transformer = optimize;
  engineOptions.enableGDBNotificationListener = engineOptions.enablePerfNotificationListener = false;
  auto engine = ExecutionEngine::create(module, engineOptions, std::move(*machine));
  if (!engine)
    return emitError(module.getLoc()) << "code generation failed: " << llvm::toString(engine.takeError());
  executable->engine = std::move(*engine);
  executable->engine->registerSymbols([&](auto mangle) { return getSymbols(mangle, allSymbols); });
  executable->entries = readSignatures(module);
  for (const Entry &entry : executable->entries) {
    // Looked up now, so that unknown symbols are errors here and no call pays for code generation.
    auto function = executable->engine->lookupPacked("_mlir_ciface_" + entry.name);
    if (!function)
      return emitError(module.getLoc()) << "function `" << entry.name << "`: " << llvm::toString(function.takeError());
    executable->functions.push_back(*function);
  }
  return executable;
}

} // namespace mlir::lowbit
