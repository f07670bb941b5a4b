//===- Compile.cpp - from a module to code in this process ----------------===//
// Law: code runs on this machine only if its target says that it can.

#include "CodeGen.h"
#include "Constants.h"
#include "DeviceCall.h"
#include "Devices.h"
#include "lowbit/Conversion/KernelSymbols.h"
#include "lowbit/Execution/Executable.h"
#include "lowbit/Targets/Resolve.h"
#include "mlir/ExecutionEngine/CRunnerUtils.h"
#include "mlir/ExecutionEngine/ExecutionEngine.h"
#include "mlir/ExecutionEngine/OptUtils.h"
#include "llvm/Support/DynamicLibrary.h"
#include "llvm/TargetParser/Host.h"

namespace mlir::lowbit {

/// What `target` says, or this machine as it is when there is none or it has no processor of its own.
static FailureOr<Machine> getMachine(ModuleOp module, QuantTargetAttrInterface target) {
  Machine machine{llvm::Triple(llvm::sys::getProcessTriple()), llvm::sys::getHostCPUName().str(), ""};
  llvm::StringMap<bool> hostFeatures = llvm::sys::getHostCPUFeatures();
  if (!target || target.getProcessor().empty()) {
    for (const auto &feature : hostFeatures)
      machine.features += (machine.features.empty() ? "" : ",") + std::string(feature.second ? "+" : "-") + feature.first().str();
    return machine;
  }
  std::string obstacle = getHostObstacle(target);
  if (obstacle.empty())
    obstacle = target.prepareHost();
  if (!obstacle.empty())
    return emitError(module.getLoc()) << "target `" << target.getName() << "` " << obstacle << "; choose `host`, or compile to an object";
  machine.processor = target.getProcessor().str();
  machine.features = target.getFeatures().str();
  return machine;
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
  if (failed(checkThreads(module, options.threads)) || failed(lowerToLLVM(module, options)))
    return failure();
  FailureOr<Machine> described = getMachine(module, getTarget(module));
  if (failed(described))
    return failure();
  llvm::Expected<std::shared_ptr<Device>> device = openDevice(getTarget(module));
  if (!device)
    return emitError(module.getLoc()) << llvm::toString(device.takeError());
  auto optimizerMachine = createTargetMachine(module, *described, /*jit=*/true);
  auto machine = createTargetMachine(module, *described, /*jit=*/true);
  if (failed(optimizerMachine) || failed(machine))
    return failure();
  // Parallel regions call OpenMP's run time, which nothing of ours links.
  std::string message;
  if (options.threads > 1 && llvm::sys::DynamicLibrary::LoadLibraryPermanently("libomp.so.5", &message))
    return emitError(module.getLoc()) << "several threads need OpenMP's library: " << message << "; install libomp5 or use `threads=1`";
  std::unique_ptr<Executable> executable(new Executable());
  SmallVector<RuntimeSymbol> allSymbols(symbols);
  executable->device = *device;
  if (*device)
    addDeviceSymbols(allSymbols);
  if (failed(externalizeConstants(module, executable->constants, allSymbols,
                                  options.pageConstants ? Array::Place::Paged : Array::Place::Heap)))
    return failure();
  auto optimize = makeOptimizingTransformer(optimizationLevel, /*sizeLevel=*/0, optimizerMachine->get());
  ExecutionEngineOptions engineOptions;
  engineOptions.transformer = optimize;
  engineOptions.enableGDBNotificationListener = engineOptions.enablePerfNotificationListener = false;
  auto engine = ExecutionEngine::create(module, engineOptions, std::move(*machine));
  if (!engine)
    return emitError(module.getLoc()) << "code generation failed: " << llvm::toString(engine.takeError());
  executable->engine = std::move(*engine);
  executable->engine->registerSymbols([&](auto mangle) { return getSymbols(mangle, allSymbols); });
  executable->entries = readSignatures(module);
  if (*device) {
    auto program = executable->engine->lookup(programSymbol);
    if (!program)
      return emitError(module.getLoc()) << llvm::toString(program.takeError());
    executable->program = static_cast<DeviceProgram *>(*program);
  }
  for (const Entry &entry : executable->entries) {
    // Looked up now, so that unknown symbols are errors here and no call pays for code generation.
    auto function = executable->engine->lookupPacked("_mlir_ciface_" + entry.name);
    if (!function)
      return emitError(module.getLoc()) << "function `" << entry.name << "`: " << llvm::toString(function.takeError());
    executable->functions.push_back(*function);
    if (*device)
      executable->deviceCalls.push_back(std::make_unique<DeviceCalls>(**device, *executable->program, entry, *function));
    executable->workspaces.push_back(entry.workspaceBytes ? std::make_shared<WorkspacePool>(entry.workspaceBytes) : nullptr);
  }
  return executable;
}

} // namespace mlir::lowbit
