//===- RunFile.h - what quant-run does ------------------------------------===//
#ifndef LOWBIT_EXECUTION_RUNFILE_H
#define LOWBIT_EXECUTION_RUNFILE_H

#include "lowbit/Pipelines/Pipelines.h"
#include <vector>

namespace mlir::lowbit {

struct RunFileOptions {
  std::string modelPath, entry = "main", inputPath, outputPath;
  CompileOptions compile;
  /// Calls to time after the first; none when 0.
  unsigned timed = 0;
  /// Where to write statistics instead of outputs; the inputs may then have a leading axis of samples.
  std::string observePath;
  /// As `lowbit-insert-observers` takes them.
  std::string observer = "minmax", observedAxes = "auto";
  std::vector<std::string> observedSites, observedMoments;
  std::string observedMask;
  /// Its algorithms that change activations run before.
  std::string observedRecipe;
};

/// Compiles a file, calls a function with arrays from a file and writes what it gives. Errors go to stderr with a location;
/// the output file is then as it was before.
LogicalResult runFile(MLIRContext &context, const RunFileOptions &options, raw_ostream &times);

} // namespace mlir::lowbit

#endif // LOWBIT_EXECUTION_RUNFILE_H
