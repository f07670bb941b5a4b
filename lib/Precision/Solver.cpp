//===- Solver.cpp - a multiple-choice knapsack as an integer program ------===//
//
// Law: CBC works with tolerances, so its answers are checked in full precision. One that misses a limit by a tolerance is solved again with
// that limit so much lower; the bound stays that of the first program.
//
//===----------------------------------------------------------------------===//

#include "Problem.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/ScopeExit.h"
#include <algorithm>
#include <cmath>
#include <coin/Cbc_C_Interface.h>

namespace mlir::lowbit {

namespace {
/// CBC takes solutions whose objectives differ by less than 1e-5 for equal; losses are scaled so that this is a billionth of the largest.
constexpr double kObjectiveRange = 1e4;

/// A program in which each choice of each group is a binary variable.
class Program {
public:
  explicit Program(const Problem &problem) : problem(problem), model(Cbc_newModel()) {
    Cbc_setLogLevel(model, 0);
    Cbc_setParameter(model, "log", "0");
    Cbc_setParameter(model, "slog", "0");
    Cbc_setParameter(model, "ratioGap", "0");
    Cbc_setParameter(model, "allowableGap", "0");
    for (const auto &group : problem.groups) {
      first.push_back(numColumns);
      for (size_t c = 0; c < group.size(); ++c)
        addColumn(0, 1, 0, true);
    }
    for (auto [group, begin] : llvm::zip_equal(problem.groups, first)) {
      std::vector<int> columns(group.size());
      std::vector<double> ones(group.size(), 1);
      for (auto [c, column] : llvm::enumerate(columns))
        column = begin + static_cast<int>(c);
      Cbc_addRow(model, "one", static_cast<int>(columns.size()), columns.data(), ones.data(), 'E', 1);
    }
  }
  ~Program() { Cbc_deleteModel(model); }
  Program(const Program &) = delete;

  int addColumn(double low, double high, double objective, bool isInteger) {
    Cbc_addCol(model, "x", low, high, objective, isInteger, 0, nullptr, nullptr);
    return numColumns++;
  }

  /// Minimizes losses; returns what they are multiplied by.
  double setLosses() {
    double largest = 0;
    for (const auto &group : problem.groups)
      for (const Choice &choice : group)
        largest = std::max(largest, choice.loss);
    double factor = largest > 0 ? kObjectiveRange / largest : 1;
    for (auto [group, begin] : llvm::zip_equal(problem.groups, first))
      for (auto [c, choice] : llvm::enumerate(group))
        Cbc_setObjCoeff(model, begin + static_cast<int>(c), choice.loss * factor);
    return factor;
  }

  /// The costs of `budget`, less the variable `slack` where there is one, are at most `limit`; all in units of the budget's scale.
  void addLimit(unsigned budget, double limit, int slack = -1) {
    double scale = problem.getScale(budget);
    std::vector<int> columns;
    std::vector<double> values;
    for (auto [group, begin] : llvm::zip_equal(problem.groups, first))
      for (auto [c, choice] : llvm::enumerate(group)) {
        columns.push_back(begin + static_cast<int>(c));
        values.push_back(choice.costs[budget] / scale);
      }
    if (slack >= 0) {
      columns.push_back(slack);
      values.push_back(-1);
    }
    Cbc_addRow(model, "limit", static_cast<int>(columns.size()), columns.data(), values.data(), 'L', limit / scale);
  }

  void start(llvm::ArrayRef<unsigned> choices) {
    std::vector<int> columns(numColumns);
    std::vector<double> values(numColumns, 0);
    for (int column = 0; column < numColumns; ++column)
      columns[column] = column;
    for (auto [begin, choice] : llvm::zip_equal(first, choices))
      values[begin + static_cast<int>(choice)] = 1;
    Cbc_setMIPStartI(model, numColumns, columns.data(), values.data());
  }

  bool solve() {
    Cbc_solve(model);
    return Cbc_isProvenOptimal(model);
  }
  double getBound() { return Cbc_getBestPossibleObjValue(model); }
  std::vector<unsigned> getChoices() {
    const double *values = Cbc_getColSolution(model);
    std::vector<unsigned> choices;
    for (auto [group, begin] : llvm::zip_equal(problem.groups, first))
      choices.push_back(std::max_element(values + begin, values + begin + group.size()) - (values + begin));
    return choices;
  }

private:
  const Problem &problem;
  Cbc_Model *model;
  std::vector<int> first; ///< Variable of each group's first choice.
  int numColumns = 0;
};
} // namespace

std::optional<Solution> solveExactly(const Problem &problem) {
  llvm::SmallVector<double, 4> limits = problem.limits;
  std::optional<Solution> best = solveGreedily(problem);
  std::optional<double> bound;
  for (unsigned attempt = 0; attempt < 8; ++attempt) {
    Program program(problem);
    double factor = program.setLosses();
    for (auto [budget, limit] : llvm::enumerate(limits))
      program.addLimit(budget, limit);
    if (best && attempt == 0)
      program.start(best->choices);
    if (!program.solve())
      break;
    if (!bound)
      bound = program.getBound() / factor;
    std::vector<unsigned> choices = program.getChoices();
    if (problem.isFeasible(choices)) {
      if (!best || problem.getLoss(choices) < problem.getLoss(best->choices))
        best = Solution{std::move(choices), 0};
      break;
    }
    for (auto [budget, limit] : llvm::enumerate(limits))
      limit -= 2 * std::max(0.0, problem.getCost(choices, budget) - problem.limits[budget]);
  }
  if (best)
    best->bound = std::min(bound.value_or(0), problem.getLoss(best->choices));
  return best;
}

std::vector<unsigned> solveNearest(const Problem &problem) {
  Program program(problem);
  int slack = program.addColumn(0, 1e9, 1, false);
  for (auto [budget, limit] : llvm::enumerate(problem.limits))
    program.addLimit(budget, limit, slack);
  program.solve();
  return program.getChoices();
}

} // namespace mlir::lowbit
