//===- Recipe.h - which site gets which scheme ----------------------------===//
//
// A recipe is one versioned document, JSON or YAML (docs/recipes.md): ordered rules that match sites by name and kind. Everything
// that is wrong with one is a diagnostic at its line and column, with the fix.
//
//===----------------------------------------------------------------------===//
#ifndef LOWBIT_RECIPES_RECIPE_H
#define LOWBIT_RECIPES_RECIPE_H

#include "lowbit/IR/Lowbit.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/Support/GlobPattern.h"

namespace mlir::lowbit {

/// How one operand becomes codes, before the operand's shape is known.
struct SchemeRecipe {
  NumberFormatAttrInterface format;
  /// One scale for each index of the kept axes (per channel, per token); otherwise one for the tensor.
  bool perKeptAxis = false;
  /// Neighbours along the last reduced axis that share a scale; 0 is all of them.
  int64_t group = 0;
  Type scale;
  IntegerType zero;
  Scaling scaling = Scaling::Divide;
  /// Weights only: besides, one scale for the tensor, so that those of blocks need less range.
  bool hasTensorScale = false;
  /// Activations only: ranges come from statistics, not from the values at hand.
  bool isStatic = false;
  /// Static activations only: strength of SmoothQuant, 0 for none.
  double smooth = 0;
  /// Activations only: the observer that calibration uses for this operand; null is its default.
  Attribute observer;

  /// The scheme for `operand`; failure after an error at `loc` when a group does not divide its axis.
  FailureOr<SchemeAttr> getScheme(const QuantizableOperand &operand, Location loc) const;
};

/// What a rule of a recipe says about the sites it matches.
struct RecipeRule {
  Location loc;
  std::string pattern;
  SmallVector<std::string, 4> kinds; ///< Empty: every kind.
  std::optional<SchemeRecipe> weight, activation;
  /// Set when the sites stay float; the reason that users read.
  std::optional<std::string> keepReason;
  /// What operands of sites that stay float are rounded to; null leaves them as they are.
  FloatType floatType;
  /// Of each kind only the first and the last site of the module.
  bool onlyEnds = false;

  /// Compiled anew: a GlobPattern refers to the text it was made of, and rules are moved about.
  bool matchesName(StringRef site) const { return llvm::cantFail(compilePattern(pattern)).match(site); }
  static llvm::Expected<llvm::GlobPattern> compilePattern(StringRef text) { return llvm::GlobPattern::create(text, /*MaxSubPatterns=*/64); }
  bool matches(StringRef site, StringRef kind, bool isEnd) const {
    return matchesName(site) && (kinds.empty() || llvm::is_contained(kinds, kind)) && (isEnd || !onlyEnds);
  }
};

/// The first and the last site of each kind, in the order of the module.
class SiteEnds {
public:
  explicit SiteEnds(Operation *module);
  bool contains(QuantizableOpInterface op) const;

private:
  llvm::StringMap<std::pair<Operation *, Operation *>> ends;
};

/// An algorithm of post-training quantization that a recipe lists.
struct AlgorithmRecipe {
  Location loc;
  std::string name;
  /// Of the sites that it works on.
  std::string pattern = "*";
  /// Options of its pass, as a pipeline has them: `damping=0.01 block=64`.
  std::string options;
  /// Left out, with a remark, when it needs second moments and there are none.
  bool isOptional = false;
};

struct Recipe {
  std::string name, description;
  /// In the order in which they run.
  SmallVector<AlgorithmRecipe, 0> algorithms;
  SmallVector<RecipeRule, 0> rules;

  /// The first rule that matches, or null; `isEnd` as in `SiteEnds`.
  const RecipeRule *findRule(StringRef site, StringRef kind, bool isEnd) const;
  bool needsStatistics() const;

  /// Parses `text`; `source` names it in diagnostics.
  static FailureOr<Recipe> parse(StringRef text, StringRef source, MLIRContext *context);
  /// Loads a named recipe, a file, or a document given in place (it begins with a brace).
  static FailureOr<Recipe> load(StringRef recipe, Location loc);
};

/// Names of the recipes that are built in, and their text (python/lowbit/recipes).
ArrayRef<std::pair<StringRef, StringRef>> getNamedRecipes();

} // namespace mlir::lowbit

#endif // LOWBIT_RECIPES_RECIPE_H
