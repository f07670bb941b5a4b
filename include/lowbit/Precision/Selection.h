//===- Selection.h - a scheme for each site, under budgets ----------------===//
//
// Minimizes the sum of losses. Law: what is chosen meets every budget and constraint, computed anew from the file in double precision;
// `exact` comes with a bound that no selection is below.
//
//===----------------------------------------------------------------------===//
#ifndef LOWBIT_PRECISION_SELECTION_H
#define LOWBIT_PRECISION_SELECTION_H

#include "lowbit/Precision/Sensitivity.h"

namespace mlir::lowbit {

/// `bytes`, `bits`, `latency` or `energy`, and the most that it may be: a number, or `0.5x` of the float model.
struct Budget {
  std::string what, text;
};

struct SelectionRequest {
  SmallVector<Budget> budgets;
  /// `PATTERN=SCHEME`: sites that get this scheme.
  std::vector<std::string> keep;
  /// Patterns whose sites share one scheme.
  std::vector<std::string> together;
  /// `exact`, `greedy` or `uniform`.
  std::string mode = "exact";
};

struct Selection {
  std::vector<unsigned> candidates; ///< For each site, an index among its candidates.
  double loss = 0, bound = 0;       ///< Nothing that meets the budgets has a loss below `bound`.
  double bits = 0;                  ///< Stored for each weight of the sites.
  PrecisionCosts costs;             ///< Of the whole model.
};

/// Failure after an error: constraints that contradict one another (both are named), budgets that cannot be met (with the nearest that
/// can).
FailureOr<Selection> selectPrecision(const Sensitivity &sensitivity, const SelectionRequest &request,
                                     function_ref<InFlightDiagnostic()> emitError);

/// The recipe that `selection` is.
std::string writeRecipe(const Sensitivity &sensitivity, const Selection &selection, StringRef name, StringRef description);

} // namespace mlir::lowbit

#endif // LOWBIT_PRECISION_SELECTION_H
