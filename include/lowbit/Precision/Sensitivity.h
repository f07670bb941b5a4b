//===- Sensitivity.h - what each scheme would cost each site --------------===//
//
// What `lowbit-select-precision` chooses from, as a file (docs/mixed-precision.md). Law: a file that loads is one that could have been
// saved, every scheme in it is one that recipes can say, and it is refused by any model but its own.
//
//===----------------------------------------------------------------------===//
#ifndef LOWBIT_PRECISION_SENSITIVITY_H
#define LOWBIT_PRECISION_SENSITIVITY_H

#include "lowbit/Recipes/Recipe.h"
#include "mlir/IR/BuiltinOps.h"
#include "llvm/Support/JSON.h"

namespace mlir::lowbit {

/// A scheme that sites may get, by a name.
struct PrecisionScheme {
  std::string name;
  /// Its keys in a rule of a recipe: `weight` and `activation`, or `float`.
  llvm::json::Object keys;

  /// The same as a rule that matches `pattern`, without the braces.
  void printRule(raw_ostream &os, StringRef pattern) const;
};

/// What may be chosen, and what is fixed: the algorithms that run and the rules of all other sites.
struct PrecisionSpace {
  std::vector<std::string> kinds; ///< Of sites that are chosen for.
  std::vector<PrecisionScheme> schemes;
  llvm::json::Array algorithms, rules;

  static llvm::Expected<PrecisionSpace> parse(StringRef text, MLIRContext *context);
  static llvm::Expected<PrecisionSpace> load(StringRef path, MLIRContext *context);
  /// The parts of `object` that are a space's.
  static llvm::Expected<PrecisionSpace> fromJSON(const llvm::json::Object &object, MLIRContext *context);
  void print(raw_ostream &os) const;
  /// Starts a recipe: everything up to its rules.
  void printRecipeHead(raw_ostream &os, StringRef name, StringRef description) const;
  /// Ends it: the rules of other sites.
  void printRecipeTail(raw_ostream &os) const;
};

/// Bytes of constants, seconds where they are known, and picojoules.
struct PrecisionCosts {
  uint64_t bytes = 0;
  std::optional<double> latency;
  double energy = 0;
};

struct PrecisionCandidate {
  unsigned scheme = 0; ///< Index in the space.
  double loss = 0;
  PrecisionCosts costs;
};

struct SiteSensitivity {
  std::string name, kind;
  /// Of the product of matrices that it is.
  uint64_t rows = 0, inputs = 0, outputs = 0;
  SmallVector<PrecisionCandidate, 0> candidates;

  uint64_t getNumWeights() const { return inputs * outputs; }
};

struct Sensitivity {
  std::string model, measure; ///< The model's fingerprint, and what losses are.
  PrecisionSpace space;
  /// Of everything but the sites, and of the whole float model: what budgets such as `0.5x` refer to.
  PrecisionCosts rest, baseline;
  std::vector<SiteSensitivity> sites;

  static llvm::Expected<Sensitivity> parse(StringRef text, MLIRContext *context);
  static llvm::Expected<Sensitivity> load(StringRef path, MLIRContext *context);
  void print(raw_ostream &os) const;
  /// Writes the file whole or not at all.
  llvm::Error save(StringRef path) const;

  LogicalResult verifyModel(ModuleOp module, function_ref<InFlightDiagnostic()> emitError) const;
};

/// JSON in one line, keys in order, numbers in as few digits as give them back.
void printJSON(raw_ostream &os, const llvm::json::Value &value);

/// `site` as a pattern that matches it alone.
std::string escapePattern(StringRef site);

} // namespace mlir::lowbit

#endif // LOWBIT_PRECISION_SENSITIVITY_H
