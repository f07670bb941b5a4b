//===- Model.h - models for programs that embed the compiler --------------===//
//
// What Python (and any other program) sees: no type of the compiler, every failure an `llvm::Error` with the text of the compiler's
// diagnostics, locations included. Objects may be used from several threads; work on models of one session takes turns.
//
//===----------------------------------------------------------------------===//
#ifndef LOWBIT_SESSION_MODEL_H
#define LOWBIT_SESSION_MODEL_H

#include "lowbit/Execution/BoundCall.h"
#include "lowbit/Execution/DeviceBinding.h"
#include "lowbit/Execution/DeviceMemory.h"
#include <optional>
#include <string>
#include <vector>

namespace mlir::lowbit {

class Executable;
class Statistics;
struct Entry;

/// Diagnostics of a failed compilation: `message()` says everything; `location` is where the first error is.
class CompileError : public llvm::ErrorInfo<CompileError> {
public:
  static char ID;
  CompileError(std::string text, std::string location) : text(std::move(text)), location(std::move(location)) {}
  void log(raw_ostream &os) const override { os << text; }
  std::error_code convertToErrorCode() const override { return llvm::inconvertibleErrorCode(); }
  const std::string &getLocation() const { return location; }

private:
  std::string text, location;
};

/// An input or output: sizes that are known only at run time are negative.
struct PortInfo {
  std::string name;
  std::vector<int64_t> shape;
  std::string type;
  StorageType storage;
  bool isUpdated = false; ///< An input that calls write into.
};

struct EntryInfo {
  std::string name;
  std::vector<PortInfo> inputs, outputs;
};

/// A compiled function with its buffers, which the caller keeps alive.
class BoundProgram {
public:
  BoundProgram(std::shared_ptr<const Executable> executable, BoundCall call) : executable(std::move(executable)), call(std::move(call)) {}
  BoundProgram(std::shared_ptr<const Executable> executable, std::unique_ptr<DeviceBinding> binding)
      : executable(std::move(executable)), binding(std::move(binding)) {}

  /// The call where it is one of the host's; null where it is a device's.
  const BoundCall *getCall() const { return call ? &*call : nullptr; }
  llvm::Error run() const;
  /// DeviceBinding's; on the host there is nothing to do.
  llvm::Error push() const { return binding ? binding->push() : llvm::Error::success(); }
  llvm::Error pull() const { return binding ? binding->pull() : llvm::Error::success(); }

private:
  std::shared_ptr<const Executable> executable;
  std::optional<BoundCall> call;
  std::unique_ptr<DeviceBinding> binding;
};

/// A compiled function.
class Program {
public:
  Program(std::shared_ptr<const Executable> executable, const Entry &entry);
  const EntryInfo &getEntry() const { return info; }
  /// Another public function of the module, compiled with this one.
  llvm::Expected<Program> getOther(const std::string &name) const;
  /// Buffers in the order of the ports.
  llvm::Error run(ArrayRef<Buffer> inputs, ArrayRef<Buffer> outputs) const;
  llvm::Expected<BoundProgram> bind(ArrayRef<Buffer> inputs, ArrayRef<Buffer> outputs) const;
  /// Whether it runs on an NVIDIA GPU, whose memory arrays may be in.
  bool hasGPUMemory() const;
  /// Memory of the GPU that it runs on.
  llvm::Expected<std::shared_ptr<DeviceMemory>> allocate(size_t bytes) const;
  /// Median and minimum seconds a call.
  llvm::Expected<std::pair<double, double>> benchmark(ArrayRef<Buffer> inputs, ArrayRef<Buffer> outputs, unsigned repeat) const;

private:
  std::shared_ptr<const Executable> executable;
  const Entry *entry;
  EntryInfo info;
};

/// What calibration has learned; belongs to the models of one session.
class ModelStatistics {
public:
  /// Runs that are recorded together (lowbit/Execution/Calibrate.h).
  static const unsigned kShard;
  static llvm::Expected<ModelStatistics> load(const std::string &path);
  llvm::Error save(const std::string &path) const;
  std::string getText() const;
  llvm::Error merge(const ModelStatistics &other);
  uint64_t getRuns() const;
  std::vector<std::string> getSites() const;

  struct Storage;
  explicit ModelStatistics(std::shared_ptr<Storage> storage) : storage(std::move(storage)) {}
  llvm::Expected<ModelStatistics> clone() const;

private:
  friend const Statistics &getStatistics(const ModelStatistics &statistics);
  std::shared_ptr<Storage> storage;
};

/// A run of calibration in progress.
class Calibration {
public:
  struct Storage;
  explicit Calibration(std::shared_ptr<Storage> storage) : storage(std::move(storage)) {}
  EntryInfo getEntry() const;
  /// A run apart, of the same compiled model, that may be on another thread.
  Calibration fork() const;
  llvm::Error run(ArrayRef<Buffer> inputs);
  /// Ends it.
  llvm::Expected<ModelStatistics> finish();

private:
  std::shared_ptr<Storage> storage;
};

/// What calibration is to record.
struct CalibrationRequest {
  /// An observer, or empty for the one that the recipe names, else `minmax`; axes that keep a state each.
  std::string observer, axes = "auto";
  /// Patterns of sites, all by default, and of those that keep second moments; those that the recipe's algorithms need are added.
  std::vector<std::string> sites, moments;
  /// An input whose zeros mark rows that do not count; empty: all count.
  std::string mask;
  std::string recipe;
  std::string entry = "main";
  unsigned threads = 1;
};

class Model {
public:
  /// Reads text or bytecode.
  static llvm::Expected<Model> load(const std::string &path);
  /// `constantsPath`: a file, if any, that resources of `text` refer to (lib/Session/Resources.h); it is mapped, and may be removed then.
  static llvm::Expected<Model> parse(const std::string &text, const std::string &name, const std::string &constantsPath = "");

  llvm::Expected<EntryInfo> getEntry(const std::string &name) const;
  /// A new model, quantized by a recipe (a name, a path, or a document).
  llvm::Expected<Model> quantize(const std::string &recipe, const std::string &statisticsPath) const;
  /// A new model that a pass pipeline made of this one.
  llvm::Expected<Model> transform(const std::string &pipeline) const;
  llvm::Expected<Program> compile(const std::string &target, unsigned threads, const std::string &entry) const;
  /// Writes an object or a shared library with all public functions, and a C header where `headerPath` is not empty. All or nothing.
  llvm::Error compileToFile(const std::string &target, unsigned threads, const std::string &outputPath,
                            const std::string &headerPath) const;
  /// Instruments a copy, as `lowbit-insert-observers` does.
  llvm::Expected<Calibration> calibrate(const CalibrationRequest &request) const;

  /// Writes bytecode, or text. Whole or not at all.
  llvm::Error save(const std::string &path, bool text) const;
  /// As text; weights are left out when `brief`.
  std::string print(bool brief) const;
  /// Bytes of all constants, codes packed to their width.
  uint64_t getNumBytes() const;
  /// Every site as JSON: what can be quantized, and what has been.
  llvm::Expected<std::string> describeSites() const;
  /// What quantization has done, as JSON (lowbit/Report/Report.h, with a histogram of each weight).
  llvm::Expected<std::string> report(const ModelStatistics *statistics) const;
  /// What the model launches on a GPU, as JSON (lowbit/Report/Launches.h).
  llvm::Expected<std::string> listLaunches(const std::string &target) const;

  struct Storage;
  explicit Model(std::shared_ptr<Storage> storage) : storage(std::move(storage)) {}

private:
  std::shared_ptr<Storage> storage;
};

} // namespace mlir::lowbit

#endif // LOWBIT_SESSION_MODEL_H
