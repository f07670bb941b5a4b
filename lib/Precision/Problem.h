//===- Problem.h - a multiple-choice knapsack -----------------------------===//
#ifndef LOWBIT_LIB_PRECISION_PROBLEM_H
#define LOWBIT_LIB_PRECISION_PROBLEM_H

#include "llvm/ADT/SmallVector.h"
#include <optional>
#include <vector>

namespace mlir::lowbit {

struct Choice {
  unsigned scheme;
  double loss;
  llvm::SmallVector<double, 4> costs; ///< By budget.
};

/// One choice of each group, the sum of costs at most `limits`, the sum of losses least.
struct Problem {
  std::vector<llvm::SmallVector<Choice, 0>> groups;
  llvm::SmallVector<double, 4> limits;

  double getLoss(llvm::ArrayRef<unsigned> choices) const;
  double getCost(llvm::ArrayRef<unsigned> choices, unsigned budget) const;
  /// The largest that the costs of `budget` can be: the unit that excesses are measured in.
  double getScale(unsigned budget) const;
  /// How far costs are above limits, in units of scales, summed.
  double getExcess(llvm::ArrayRef<unsigned> choices) const;
  bool isFeasible(llvm::ArrayRef<unsigned> choices) const { return getExcess(choices) == 0; }
};

struct Solution {
  std::vector<unsigned> choices; ///< For each group.
  double bound = 0;              ///< No solution has a loss below.
};

/// By integer programming; none where there is no solution.
std::optional<Solution> solveExactly(const Problem &problem);
/// The choices whose largest excess over a limit, in units of scales, is least.
std::vector<unsigned> solveNearest(const Problem &problem);
/// From the least losses down, each time by the step that costs the least loss for what it saves. May miss solutions.
std::optional<Solution> solveGreedily(const Problem &problem);
/// One scheme for all groups that have more than one choice.
std::optional<Solution> solveUniformly(const Problem &problem);

} // namespace mlir::lowbit

#endif // LOWBIT_LIB_PRECISION_PROBLEM_H
