//===- Calibrate.h - runs a model over data and records its sites ---------===//
//
// The model is compiled once and may run in several threads side by side, each with a recorder of its own.
//
//===----------------------------------------------------------------------===//
#ifndef LOWBIT_EXECUTION_CALIBRATE_H
#define LOWBIT_EXECUTION_CALIBRATE_H

#include "lowbit/Calibration/Recorder.h"
#include "lowbit/Execution/Executable.h"

namespace mlir::lowbit {

struct CalibrateOptions {
  /// As `lowbit-insert-observers` takes them; not used where the module has observe ops already.
  std::string observer = "minmax", axes = "auto";
  std::vector<std::string> sites;
  /// Patterns of the sites that keep second moments.
  std::vector<std::string> moments;
  /// An input whose zeros mark rows (tokens) that do not count, such as an attention mask; empty: all count.
  std::string mask;
  std::string entry = "main";
  CompileOptions compile;
  /// A recipe (a name, a file or its text) whose algorithms that change activations run before anything is observed; empty: none.
  std::string recipe;
};

/// Runs that are recorded together before they are merged with those before. Sums of products depend on it in their last bits, so it is
/// part of what calibration means.
constexpr unsigned kCalibrationShard = 16;

class Calibrator {
public:
  /// Names sites, changes activations as the recipe says, inserts observers and compiles, all in a copy of `module`. Failure has been reported to the context, which has to outlive
  /// this.
  static FailureOr<std::unique_ptr<Calibrator>> create(ModuleOp module, const CalibrateOptions &options);

  const Entry &getEntry() const { return *entry; }
  /// A recorder that has seen nothing.
  Recorder createRecorder() const { return Recorder(empty.cloneEmpty()); }
  /// Runs the model once on `inputs`, in the order of the entry's; its sites go to `recorder`.
  llvm::Error run(Recorder &recorder, ArrayRef<Buffer> inputs) const;

private:
  Calibrator(Statistics empty) : empty(std::move(empty)) {}

  Statistics empty;
  std::optional<size_t> maskInput;
  std::unique_ptr<Executable> executable;
  const Entry *entry = nullptr;
};

/// Statistics of `module` over what `getBatch` fills in: the inputs of `entry`, or false at the end. Failure has been reported.
FailureOr<Statistics> calibrate(ModuleOp module, const CalibrateOptions &options,
                                llvm::function_ref<llvm::Expected<bool>(const Entry &, SmallVectorImpl<Buffer> &)> getBatch);

/// The same over a file of arrays with one for each input: of the input's shape, or with a leading axis of samples.
FailureOr<Statistics> calibrateOnFile(ModuleOp module, const CalibrateOptions &options, StringRef dataPath);

} // namespace mlir::lowbit

#endif // LOWBIT_EXECUTION_CALIBRATE_H
