//===- Model.cpp - models for programs that embed the compiler ------------===//
// Law: a model never changes; whatever is made of it is a new one.

#include "Context.h"
#include "lowbit/Execution/AOT.h"
#include "lowbit/Execution/Executable.h"
#include "lowbit/IR/ModuleFile.h"
#include "lowbit/Pipelines/Pipelines.h"
#include "lowbit/Pipelines/RecordSignatures.h"
#include "lowbit/Report/Launches.h"
#include "lowbit/Transforms/Constants.h"
#include "mlir/Bytecode/BytecodeWriter.h"
#include "mlir/IR/AsmState.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Pass/PassRegistry.h"
#include "llvm/ADT/DenseSet.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/SourceMgr.h"

namespace mlir::lowbit {

llvm::Expected<Model> Model::load(const std::string &path) {
  auto session = SessionContext::get();
  Work work(session);
  auto sources = std::make_shared<llvm::SourceMgr>(); // outlives this call where bytecode refers to it
  OwningOpRef<ModuleOp> module = parseModule(path, sources, work.getContext());
  if (!module)
    return work.takeError(path + ": no module could be read");
  return makeModel(session, std::move(module));
}

llvm::Expected<Model> Model::parse(const std::string &text, const std::string &name, const std::string &constantsPath) {
  auto session = SessionContext::get();
  Work work(session);
  OwningOpRef<ModuleOp> module = parseSourceString<ModuleOp>(text, ParserConfig(&work.getContext()), name);
  if (!module)
    return work.takeError(name + ": no module could be read");
  if (!constantsPath.empty())
    if (llvm::Error error = mapResources(*module, constantsPath))
      return llvm::createStringError(name + ": " + llvm::toString(std::move(error)));
  return makeModel(session, std::move(module));
}

/// A copy that may be changed.
static OwningOpRef<ModuleOp> copy(const Model::Storage &storage) { return cast<ModuleOp>(storage.module.get()->clone()); }

EntryInfo describeEntry(const Entry &entry) {
  auto describePorts = [](ArrayRef<Port> ports) {
    std::vector<PortInfo> result;
    for (const Port &port : ports) {
      PortInfo info{port.name, {}, port.type.getName(), port.type.getStorage(), port.isUpdated};
      for (int64_t size : port.shape)
        info.shape.push_back(ShapedType::isDynamic(size) ? -1 : size);
      result.push_back(std::move(info));
    }
    return result;
  };
  return {entry.name, describePorts(entry.inputs), describePorts(entry.outputs)};
}

llvm::Expected<EntryInfo> Model::getEntry(const std::string &name) const {
  Work work(storage->session);
  OwningOpRef<ModuleOp> module = copy(*storage);
  recordSignatures(*module);
  std::vector<Entry> entries = readSignatures(*module);
  llvm::Expected<const Entry *> entry = lowbit::findEntry(entries, name);
  if (!entry)
    return entry.takeError();
  return describeEntry(**entry);
}

/// Runs `pm` on a copy of the model.
static llvm::Expected<Model> runOnCopy(const Model::Storage &storage, Work &work, PassManager &pm) {
  OwningOpRef<ModuleOp> module = copy(storage);
  if (failed(pm.run(*module)))
    return work.takeError("the passes failed");
  return makeModel(storage.session, std::move(module));
}

namespace {
/// Algorithms split outputs over threads; none is left when a process forks or ends.
class ThreadsInScope {
public:
  explicit ThreadsInScope(MLIRContext &context) : context(context) { context.enableMultithreading(); }
  ~ThreadsInScope() { context.disableMultithreading(); }

private:
  MLIRContext &context;
};
} // namespace

llvm::Expected<Model> Model::quantize(const std::string &recipe, const std::string &statisticsPath) const {
  Work work(storage->session);
  ThreadsInScope threads(work.getContext());
  PassManager pm(&work.getContext(), ModuleOp::getOperationName());
  QuantizePassOptions options;
  options.recipe = recipe;
  options.stats = statisticsPath;
  pm.addPass(createQuantizePass(options));
  return runOnCopy(*storage, work, pm);
}

llvm::Expected<Model> Model::transform(const std::string &pipeline) const {
  Work work(storage->session);
  PassManager pm(&work.getContext(), ModuleOp::getOperationName());
  std::string message;
  llvm::raw_string_ostream stream(message);
  // As quant-opt takes it, with its anchor, or without: an anchor inside of a module would name modules within, and do nothing.
  StringRef passes(pipeline);
  if (passes.consume_front("builtin.module(") && !passes.consume_back(")"))
    return llvm::createStringError("pipeline `" + pipeline + "`: expected `)` at its end");
  if (failed(parsePassPipeline(passes, pm, stream)))
    return llvm::createStringError("pipeline `" + pipeline + "`: " + message);
  return runOnCopy(*storage, work, pm);
}

llvm::Expected<Program> Model::compile(const std::string &target, unsigned threads, const std::string &entryName) const {
  Work work(storage->session);
  OwningOpRef<ModuleOp> module = copy(*storage);
  CompileOptions options;
  options.target = target;
  options.threads = threads;
  auto executable = Executable::compile(*module, options);
  if (failed(executable))
    return work.takeError("compilation failed");
  std::shared_ptr<const Executable> shared(std::move(*executable));
  llvm::Expected<const Entry *> entry = shared->findEntry(entryName);
  if (!entry)
    return entry.takeError();
  return Program(shared, **entry);
}

llvm::Error Model::compileToFile(const std::string &target, unsigned threads, const std::string &outputPath,
                                 const std::string &headerPath) const {
  Work work(storage->session);
  OwningOpRef<ModuleOp> module = copy(*storage);
  if (failed(lowbit::compileToFile(*module, {{target, threads}, outputPath, headerPath})))
    return work.takeError("compilation failed");
  return llvm::Error::success();
}

llvm::Expected<std::string> Model::listLaunches(const std::string &target) const {
  Work work(storage->session);
  OwningOpRef<ModuleOp> module = copy(*storage);
  FailureOr<llvm::json::Object> launches = lowbit::listLaunches(*module, target);
  if (failed(launches))
    return work.takeError("compilation failed");
  return llvm::formatv("{0}", llvm::json::Value(std::move(*launches))).str();
}

llvm::Error Model::save(const std::string &path, bool text) const {
  Work work(storage->session);
  return llvm::writeToOutput(path, [&](raw_ostream &stream) -> llvm::Error {
    if (text)
      storage->module.get()->print(stream, OpPrintingFlags().enableDebugInfo());
    else if (failed(writeBytecodeToFile(*storage->module, stream)))
      return work.takeError("bytecode could not be written");
    return llvm::Error::success();
  });
}

std::string Model::print(bool brief) const {
  Work work(storage->session);
  OpPrintingFlags flags;
  if (brief)
    flags.elideLargeElementsAttrs(16).elideLargeResourceString(64);
  std::string text;
  llvm::raw_string_ostream stream(text);
  storage->module.get()->print(stream, flags);
  return text;
}

uint64_t Model::getNumBytes() const {
  Work work(storage->session);
  uint64_t bytes = 0;
  llvm::SmallDenseSet<Attribute> seen;
  storage->module.get()->walk([&](Operation *op) {
    for (NamedAttribute attr : op->getAttrs())
      if (auto elements = dyn_cast<ElementsAttr>(attr.getValue()); elements && seen.insert(elements).second)
        bytes += getStoredBytes(elements);
  });
  return bytes;
}

Program::Program(std::shared_ptr<const Executable> shared, const Entry &called)
    : executable(std::move(shared)), entry(&called), info(describeEntry(called)) {}

llvm::Expected<Program> Program::getOther(const std::string &name) const {
  llvm::Expected<const Entry *> other = executable->findEntry(name);
  if (!other)
    return other.takeError();
  return Program(executable, **other);
}

llvm::Error Program::run(ArrayRef<Buffer> inputs, ArrayRef<Buffer> outputs) const { return executable->run(*entry, inputs, outputs); }

bool Program::hasGPUMemory() const { return executable->hasGPUMemory(); }

llvm::Expected<std::shared_ptr<DeviceMemory>> Program::allocate(size_t bytes) const { return executable->allocate(bytes); }

llvm::Error BoundProgram::run() const {
  if (binding)
    return binding->run();
  return (*call)();
}

llvm::Expected<BoundProgram> Program::bind(ArrayRef<Buffer> inputs, ArrayRef<Buffer> outputs) const {
  if (executable->isOnDevice()) {
    auto binding = executable->bindDevice(*entry, inputs, outputs);
    if (!binding)
      return binding.takeError();
    return BoundProgram(executable, std::move(*binding));
  }
  llvm::Expected<BoundCall> call = executable->bind(*entry, inputs, outputs);
  if (!call)
    return call.takeError();
  return BoundProgram(executable, std::move(*call));
}

llvm::Expected<std::pair<double, double>> Program::benchmark(ArrayRef<Buffer> inputs, ArrayRef<Buffer> outputs, unsigned repeat) const {
  llvm::Expected<Timing> timing = executable->benchmark(*entry, inputs, outputs, repeat);
  if (!timing)
    return timing.takeError();
  return std::pair(timing->median, timing->minimum);
}

} // namespace mlir::lowbit
