//===- Compiled.cpp - a kernel as code in this process --------------------===//
#include "Compiled.h"
#include "lowbit/GPUSim/Passes.h"
#include "lowbit/Pipelines/Lower.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/ExecutionEngine/OptUtils.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Target/LLVMIR/Dialect/All.h"
#include "llvm/Support/TargetSelect.h"

namespace mlir::lowbit::unittest {

/// A function that gives the address of what launches name.
static void addGetter(ModuleOp module, StringRef symbol) {
  OpBuilder builder = OpBuilder::atBlockEnd(module.getBody());
  Location loc = module.getLoc();
  Type pointer = LLVM::LLVMPointerType::get(builder.getContext());
  auto getter = LLVM::LLVMFuncOp::create(builder, loc, "get_kernel", LLVM::LLVMFunctionType::get(pointer, {}));
  builder.setInsertionPointToStart(getter.addEntryBlock(builder));
  LLVM::ReturnOp::create(builder, loc, LLVM::AddressOfOp::create(builder, loc, pointer, symbol).getResult());
}

FailureOr<Compiled> Compiled::compile(ModuleOp module, StringRef container, StringRef name, unsigned optimizationLevel) {
  PassManager lower(module.getContext(), ModuleOp::getOperationName());
  lower.addPass(createLowerGPUToSimPass());
  if (failed(lower.run(module)))
    return failure();
  const std::string symbol = (container + "." + name).str();
  if (!module.lookupSymbol<LLVM::GlobalOp>(symbol))
    return module.emitError("there is no kernel `") << name << "` in `" << container << "`";
  addGetter(module, symbol);
  PassManager toLLVM(module.getContext(), ModuleOp::getOperationName());
  buildLowerToLLVMPipeline(toLLVM);
  if (failed(toLLVM.run(module)))
    return failure();
  registerBuiltinDialectTranslation(*module.getContext());
  registerLLVMDialectTranslation(*module.getContext());
  llvm::InitializeNativeTarget();
  llvm::InitializeNativeTargetAsmPrinter();
  ExecutionEngineOptions options;
  auto optimize = makeOptimizingTransformer(optimizationLevel, /*sizeLevel=*/0, /*targetMachine=*/nullptr);
  options.transformer = optimize;
  options.jitCodeGenOptLevel = optimizationLevel > 1 ? llvm::CodeGenOptLevel::Default : llvm::CodeGenOptLevel::Less;
  options.enableGDBNotificationListener = options.enablePerfNotificationListener = false;
  auto engine = ExecutionEngine::create(module, options);
  if (!engine)
    return module.emitError("code generation failed: ") << llvm::toString(engine.takeError());
  Compiled result;
  result.engine = std::move(*engine);
  result.engine->registerSymbols([](llvm::orc::MangleAndInterner mangle) {
    llvm::orc::SymbolMap map;
    for (auto [symbol, address] : sim::getMachineSymbols())
      map[mangle(symbol)] = {llvm::orc::ExecutorAddr::fromPtr(address), llvm::JITSymbolFlags::Exported};
    return map;
  });
  auto getter = result.engine->lookup("get_kernel");
  if (!getter)
    return module.emitError("code generation failed: ") << llvm::toString(getter.takeError());
  result.kernel = reinterpret_cast<const sim::Kernel *(*)()>(*getter)();
  return result;
}

} // namespace mlir::lowbit::unittest
