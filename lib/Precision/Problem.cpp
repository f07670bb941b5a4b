//===- Problem.cpp - a multiple-choice knapsack, without a solver ---------===//

#include "Problem.h"
#include "llvm/ADT/STLExtras.h"
#include <cassert>
#include <cmath>
#include <set>

namespace mlir::lowbit {

double Problem::getLoss(llvm::ArrayRef<unsigned> choices) const {
  double sum = 0;
  for (auto [group, choice] : llvm::zip_equal(groups, choices))
    sum += group[choice].loss;
  return sum;
}

double Problem::getCost(llvm::ArrayRef<unsigned> choices, unsigned budget) const {
  double sum = 0;
  for (auto [group, choice] : llvm::zip_equal(groups, choices))
    sum += group[choice].costs[budget];
  return sum;
}

double Problem::getScale(unsigned budget) const {
  double sum = 0;
  for (const auto &group : groups) {
    double largest = 0;
    for (const Choice &choice : group)
      largest = std::max(largest, choice.costs[budget]);
    sum += largest;
  }
  return sum > 0 ? sum : 1;
}

double Problem::getExcess(llvm::ArrayRef<unsigned> choices) const {
  double sum = 0;
  for (unsigned budget = 0; budget < limits.size(); ++budget) {
    double scale = getScale(budget), excess = (getCost(choices, budget) - limits[budget]) / scale;
    // What is left of a sum of doubles is no excess.
    if (excess > 1e-13)
      sum += excess;
  }
  return sum;
}

std::optional<Solution> solveGreedily(const Problem &problem) {
  std::vector<unsigned> choices;
  for (const auto &group : problem.groups)
    choices.push_back(llvm::min_element(group, [](const Choice &a, const Choice &b) { return a.loss < b.loss; }) - group.begin());
  for (double excess; (excess = problem.getExcess(choices)) > 0;) {
    double best = INFINITY;
    std::pair<size_t, unsigned> step;
    for (size_t g = 0; g < problem.groups.size(); ++g) {
      unsigned stands = choices[g];
      for (unsigned c = 0; c < problem.groups[g].size(); ++c) {
        choices[g] = c;
        double saved = excess - problem.getExcess(choices);
        double price = (problem.groups[g][c].loss - problem.groups[g][stands].loss) / saved;
        if (saved > 0 && price < best) {
          best = price;
          step = {g, c};
        }
      }
      choices[g] = stands;
    }
    if (std::isinf(best))
      return std::nullopt;
    choices[step.first] = step.second;
  }
  return Solution{std::move(choices), 0};
}

std::optional<Solution> solveUniformly(const Problem &problem) {
  std::set<unsigned> schemes;
  for (const auto &group : problem.groups)
    for (const Choice &choice : group)
      schemes.insert(choice.scheme);
  std::optional<Solution> best;
  for (unsigned scheme : schemes) {
    std::vector<unsigned> choices;
    for (const auto &group : problem.groups) {
      const auto *found = llvm::find_if(group, [&](const Choice &choice) { return choice.scheme == scheme; });
      if (found != group.end())
        choices.push_back(found - group.begin());
      else if (group.size() == 1)
        choices.push_back(0);
    }
    if (choices.size() == problem.groups.size() && problem.isFeasible(choices) &&
        (!best || problem.getLoss(choices) < problem.getLoss(best->choices)))
      best = Solution{std::move(choices), 0};
  }
  return best;
}

} // namespace mlir::lowbit
