//===- CodeGen.cpp - what running code and writing objects have in common -===//
// Law: the same module and target give the same LLVM IR, whether it runs here or goes into an object.

#include "CodeGen.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Target/LLVMIR/Dialect/All.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Support/TargetSelect.h"
#include <mutex>
#include <thread>

namespace mlir::lowbit {

/// Whether functions are in the LLVM dialect already.
static bool isLowered(ModuleOp module) { return !module.getOps<LLVM::LLVMFuncOp>().empty() && module.getOps<func::FuncOp>().empty(); }

/// The translation to LLVM IR warns of argument attributes that it does not know, and nothing reads ours any more.
static void dropPortAttributes(ModuleOp module) {
  for (auto function : module.getOps<LLVM::LLVMFuncOp>())
    for (unsigned i = 0; i < function.getNumArguments(); ++i)
      for (NamedAttribute attr : llvm::to_vector(function_interface_impl::getArgAttrs(function, i)))
        if (attr.getName().strref().starts_with("lowbit."))
          function.removeArgAttr(i, attr.getName());
}

LogicalResult lowerToLLVM(ModuleOp module, const CompileOptions &options) {
  if (!isLowered(module)) {
    PassManager pm(module.getContext(), ModuleOp::getOperationName());
    buildCompilePipeline(pm, options);
    if (failed(pm.run(module)))
      return failure();
  }
  dropPortAttributes(module);
  DialectRegistry translations;
  registerAllToLLVMIRTranslations(translations);
  module.getContext()->appendDialectRegistry(translations);
  return success();
}

LogicalResult checkThreads(ModuleOp module, unsigned threads) {
  unsigned cores = std::thread::hardware_concurrency(); // those that this process is allowed; 0 when that is not known
  if (cores == 0 || threads <= cores)
    return success();
  return emitError(module.getLoc()) << "more threads than cores: " << threads << " threads are asked for, and this process may use "
                                    << cores << (cores == 1 ? " core" : " cores");
}

static void prepareCodeGenerators() {
  static std::once_flag once;
  std::call_once(once, [] {
    llvm::InitializeAllTargetInfos();
    llvm::InitializeAllTargets();
    llvm::InitializeAllTargetMCs();
    llvm::InitializeAllAsmPrinters();
    llvm::InitializeAllAsmParsers();
  });
}

FailureOr<std::unique_ptr<llvm::TargetMachine>> createTargetMachine(ModuleOp module, const Machine &machine, bool jit) {
  prepareCodeGenerators();
  std::string message;
  const llvm::Target *backend = llvm::TargetRegistry::lookupTarget(machine.triple, message);
  std::unique_ptr<llvm::TargetMachine> result;
  if (backend)
    result.reset(backend->createTargetMachine(machine.triple, machine.processor, machine.features, {}, llvm::Reloc::PIC_, std::nullopt,
                                              llvm::CodeGenOptLevel::Aggressive, jit));
  if (!result)
    return emitError(module.getLoc()) << "no code generator for " << machine.triple.str() << ": " << message;
  return result;
}

} // namespace mlir::lowbit
