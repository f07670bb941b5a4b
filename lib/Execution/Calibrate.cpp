//===- Calibrate.cpp - runs a model over data and records its sites -------===//
// Law: statistics come from every sample or not at all.

#include "lowbit/Execution/Calibrate.h"
#include "lowbit/Arrays/Npy.h"
#include "lowbit/PTQ/Algorithm.h"
#include "lowbit/Transforms/Passes.h"
#include "mlir/Pass/PassManager.h"
#include "runtime/Observe.h"

namespace mlir::lowbit {

static LogicalResult insertObservers(ModuleOp module, const CalibrateOptions &options) {
  if (module.walk([](ObserveOp) { return WalkResult::interrupt(); }).wasInterrupted())
    return success();
  InsertObserversPassOptions insert;
  insert.observer = options.observer;
  insert.axes = options.axes;
  insert.sites.assign(options.sites.begin(), options.sites.end());
  insert.moments.assign(options.moments.begin(), options.moments.end());
  PassManager pm(module.getContext(), ModuleOp::getOperationName());
  // As `lowbit-quantize` does: statistics know a model by its sites.
  pm.addPass(createNormalizeLinearsPass());
  pm.addPass(createFoldBatchNormPass());
  pm.addPass(createNameSitesPass());
  if (!options.recipe.empty()) {
    FailureOr<Recipe> recipe = Recipe::load(options.recipe, NameLoc::get(StringAttr::get(module.getContext(), "recipe")));
    if (failed(recipe) || failed(addActivationAlgorithms(pm, *recipe, options.recipe)))
      return failure();
  }
  pm.addPass(createInsertObserversPass(insert));
  return pm.run(module);
}

FailureOr<std::unique_ptr<Calibrator>> Calibrator::create(ModuleOp module, const CalibrateOptions &options) {
  OwningOpRef<ModuleOp> copy = module.clone();
  if (failed(insertObservers(*copy, options)))
    return failure();
  FailureOr<Statistics> empty = Statistics::create(*copy);
  if (failed(empty))
    return failure();
  CompileOptions compile = options.compile;
  compile.pageConstants = true; // a float model may be larger than memory
  FailureOr<std::unique_ptr<Executable>> executable = Executable::compile(*copy, compile, getObserveSymbol());
  if (failed(executable))
    return failure();
  llvm::Expected<const Entry *> entry = (*executable)->findEntry(options.entry);
  if (!entry)
    return emitError(module.getLoc()) << llvm::toString(entry.takeError());
  std::unique_ptr<Calibrator> calibrator(new Calibrator(std::move(*empty)));
  calibrator->executable = std::move(*executable);
  calibrator->entry = *entry;
  if (!options.mask.empty()) {
    auto found = llvm::find_if((*entry)->inputs, [&](const Port &port) { return port.name == options.mask; });
    if (found == (*entry)->inputs.end()) {
      InFlightDiagnostic diagnostic = emitError(module.getLoc()) << "mask `" << options.mask << "` is no input; inputs are";
      for (const Port &port : (*entry)->inputs)
        diagnostic << " `" << port.name << "`";
      return diagnostic;
    }
    calibrator->maskInput = found - (*entry)->inputs.begin();
  }
  return calibrator;
}

/// Which elements are not zero, whatever their type: a number is zero when all its bytes are.
static SmallVector<bool> getMask(const Buffer &buffer) {
  SmallVector<bool> mask;
  auto *bytes = static_cast<const char *>(buffer.data);
  for (uint64_t i = 0, count = countElements(buffer.shape).value_or(0); i < count; ++i, bytes += buffer.type.bytes)
    mask.push_back(llvm::any_of(ArrayRef<char>(bytes, buffer.type.bytes), [](char byte) { return byte != 0; }));
  return mask;
}

llvm::Error Calibrator::run(Recorder &recorder, ArrayRef<Buffer> inputs) const {
  llvm::Expected<std::vector<NamedArray>> outputs = createOutputs(*entry);
  if (!outputs)
    return outputs.takeError();
  auto buffers = llvm::map_to_vector(*outputs, [](NamedArray &output) { return output.array.getBuffer(); });
  recorder.beginRun(maskInput ? getMask(inputs[*maskInput]) : SmallVector<bool>());
  RecordingScope scope(recorder);
  if (llvm::Error error = executable->run(*entry, inputs, buffers))
    return error;
  return recorder.endRun();
}

FailureOr<Statistics> calibrate(ModuleOp module, const CalibrateOptions &options,
                                llvm::function_ref<llvm::Expected<bool>(const Entry &, SmallVectorImpl<Buffer> &)> getBatch) {
  FailureOr<std::unique_ptr<Calibrator>> calibrator = Calibrator::create(module, options);
  if (failed(calibrator))
    return failure();
  Statistics total = (*calibrator)->createRecorder().takeStatistics();
  auto runAll = [&]() -> llvm::Error {
    SmallVector<Buffer> inputs;
    Recorder recorder = (*calibrator)->createRecorder();
    while (true) {
      inputs.clear();
      llvm::Expected<bool> more = getBatch((*calibrator)->getEntry(), inputs);
      if (!more)
        return more.takeError();
      if (!*more)
        break;
      if (recorder.getStatistics().getRuns() == kCalibrationShard) {
        if (llvm::Error error = total.merge(recorder.takeStatistics()))
          return error;
        recorder = (*calibrator)->createRecorder();
      }
      if (llvm::Error error = (*calibrator)->run(recorder, inputs))
        return error;
    }
    if (recorder.getStatistics().getRuns() == 0)
      return llvm::createStringError("no data to calibrate on; expected at least one sample");
    return total.merge(recorder.takeStatistics());
  };
  if (llvm::Error error = runAll())
    return emitError(module.getLoc()) << llvm::toString(std::move(error));
  return total;
}

//===----------------------------------------------------------------------===//
// Files of samples
//===----------------------------------------------------------------------===//

/// The samples of an array: those along its first axis when it has one more than `port`, else the array itself.
static int64_t countSamples(const NamedArray &array, const Port &port) {
  ArrayRef<int64_t> shape = array.array.getShape();
  return shape.size() == port.shape.size() + 1 ? shape.front() : 1;
}

static Buffer getSample(NamedArray &array, int64_t numSamples, bool hasSamples, int64_t sample) {
  Buffer buffer = array.array.getBuffer();
  if (!hasSamples)
    return buffer;
  buffer.shape.erase(buffer.shape.begin());
  buffer.data = static_cast<char *>(buffer.data) + sample * (array.array.getNumBytes() / numSamples);
  return buffer;
}

/// The arrays in the order of the entry's inputs, or an error.
static llvm::Expected<SmallVector<NamedArray *>> orderArrays(const Entry &entry, MutableArrayRef<NamedArray> arrays) {
  SmallVector<NamedArray *> ordered;
  for (const Port &port : entry.inputs) {
    auto found = llvm::find_if(arrays, [&](const NamedArray &array) { return array.name == port.name; });
    if (found == arrays.end() && arrays.size() == 1 && arrays.front().name.empty() && entry.inputs.size() == 1)
      found = arrays.begin();
    if (found == arrays.end())
      return llvm::createStringError("has no array for input `" + port.name + "`");
    ordered.push_back(&*found);
  }
  for (const NamedArray &array : arrays)
    if (!llvm::is_contained(ordered, &array))
      return llvm::createStringError("array `" + array.name + "` is no input of `" + entry.name + "`");
  return ordered;
}

FailureOr<Statistics> calibrateOnFile(ModuleOp module, const CalibrateOptions &options, StringRef dataPath) {
  llvm::Expected<std::vector<NamedArray>> arrays = readArrays(dataPath);
  if (!arrays)
    return emitError(module.getLoc()) << llvm::toString(arrays.takeError());
  int64_t next = 0;
  return calibrate(module, options, [&](const Entry &entry, SmallVectorImpl<Buffer> &inputs) -> llvm::Expected<bool> {
    llvm::Expected<SmallVector<NamedArray *>> ordered = orderArrays(entry, *arrays);
    if (!ordered)
      return llvm::createFileError(dataPath, ordered.takeError());
    int64_t numSamples = ordered->empty() ? 1 : countSamples(*ordered->front(), entry.inputs.front());
    if (next >= numSamples)
      return false;
    for (auto [array, port] : llvm::zip_equal(*ordered, entry.inputs)) {
      if (countSamples(*array, port) != numSamples)
        return llvm::createFileError(dataPath,
                                     llvm::createStringError("input `" + port.name + "` has " + Twine(countSamples(*array, port)) +
                                                             " samples and `" + entry.inputs.front().name + "` has " + Twine(numSamples)));
      bool hasSamples = array->array.getShape().size() == port.shape.size() + 1;
      inputs.push_back(getSample(*array, numSamples, hasSamples, next));
      if (llvm::Error error = port.check(inputs.back()))
        return llvm::createFileError(dataPath, std::move(error));
    }
    ++next;
    return true;
  });
}

} // namespace mlir::lowbit
