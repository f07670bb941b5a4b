//===- RunFile.cpp - what quant-run does ----------------------------------===//
// Law: nothing is written before everything has succeeded.

#include "lowbit/Execution/RunFile.h"
#include "lowbit/Arrays/Npy.h"
#include "lowbit/Execution/Calibrate.h"
#include "lowbit/Execution/Executable.h"
#include "lowbit/IR/ModuleFile.h"
#include "mlir/IR/AsmState.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/SourceMgr.h"

namespace mlir::lowbit {

static llvm::Error runEntry(const Executable &executable, const RunFileOptions &options, raw_ostream &times) {
  llvm::Expected<const Entry *> entry = executable.findEntry(options.entry);
  if (!entry)
    return entry.takeError();
  std::vector<NamedArray> arrays;
  if (!options.inputPath.empty()) {
    auto loaded = readArrays(options.inputPath);
    if (!loaded)
      return loaded.takeError();
    arrays = std::move(*loaded);
  }
  StringRef source = options.inputPath.empty() ? StringRef("without --inputs") : options.inputPath;
  auto inputs = bindInputs(**entry, arrays);
  if (!inputs)
    return llvm::createStringError(source + ": " + llvm::toString(inputs.takeError()));
  auto outputs = createOutputs(**entry);
  if (!outputs)
    return outputs.takeError();
  auto buffers = llvm::map_to_vector(*outputs, [](NamedArray &output) { return output.array.getBuffer(); });
  if (llvm::Error error = executable.run(**entry, *inputs, buffers))
    return llvm::createStringError(source + ": " + llvm::toString(std::move(error)));
  if (options.timed) {
    auto timing = executable.benchmark(**entry, *inputs, buffers, options.timed);
    if (!timing)
      return timing.takeError();
    times << llvm::format("median %.9f s, minimum %.9f s\n", timing->median, timing->minimum);
  }
  return options.outputPath.empty() ? llvm::Error::success() : writeArrays(options.outputPath, *outputs);
}

static LogicalResult observeFile(ModuleOp module, const RunFileOptions &options) {
  if (!options.outputPath.empty() || options.timed)
    return emitError(module.getLoc()) << "--observe writes statistics only; leave --output and --time out";
  if (options.inputPath.empty())
    return emitError(module.getLoc()) << "--observe needs data; give it as --inputs";
  CalibrateOptions calibration{options.observer,     options.observedAxes, options.observedSites, options.observedMoments,
                               options.observedMask, options.entry,        options.compile,       options.observedRecipe};
  FailureOr<Statistics> statistics = calibrateOnFile(module, calibration, options.inputPath);
  if (failed(statistics))
    return failure();
  if (llvm::Error error = statistics->save(options.observePath))
    return emitError(module.getLoc()) << llvm::toString(std::move(error));
  if (llvm::Error error = saveMoments(options.observePath, *statistics))
    return emitError(module.getLoc()) << llvm::toString(std::move(error));
  return success();
}

LogicalResult runFile(MLIRContext &context, const RunFileOptions &options, raw_ostream &times) {
  context.printOpOnDiagnostic(false); // a module with weights is no help in a message
  auto sources = std::make_shared<llvm::SourceMgr>();
  SourceMgrDiagnosticHandler handler(*sources, &context);
  OwningOpRef<ModuleOp> module = parseModule(options.modelPath, sources, context);
  if (!module)
    return failure();
  if (!options.observePath.empty())
    return observeFile(*module, options);
  auto executable = Executable::compile(*module, options.compile);
  if (failed(executable))
    return failure();
  if (llvm::Error error = runEntry(**executable, options, times))
    return emitError(module->getLoc()) << llvm::toString(std::move(error));
  return success();
}

} // namespace mlir::lowbit
