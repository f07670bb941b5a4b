//===- Selection.cpp - from budgets and constraints to a scheme a site ----===//

#include "lowbit/Precision/Selection.h"
#include "Problem.h"
#include "llvm/ADT/EquivalenceClasses.h"
#include "llvm/Support/FormatVariadic.h"
#include <cmath>
#include <numeric>

namespace mlir::lowbit {
namespace {

using EmitError = function_ref<InFlightDiagnostic()>;

/// A budget with its meaning: what a candidate costs, what is spent already, and the most that may be.
struct Limit {
  std::string what;
  double limit = 0, rest = 0;
  std::function<double(const PrecisionCandidate &)> getCost;
};

/// Builds the problem of a request, and takes its solution back to sites.
class Selector {
public:
  Selector(const Sensitivity &sensitivity, const SelectionRequest &request, EmitError emitError)
      : sensitivity(sensitivity), request(request), emitError(emitError), groupOf(sensitivity.sites.size()),
        fixedBy(sensitivity.sites.size(), nullptr), fixedTo(sensitivity.sites.size(), 0) {
    std::iota(groupOf.begin(), groupOf.end(), 0);
  }

  FailureOr<Selection> select() {
    for (const SiteSensitivity &site : sensitivity.sites)
      numWeights += static_cast<double>(site.getNumWeights());
    for (const Budget &budget : request.budgets)
      if (failed(addLimit(budget)))
        return failure();
    for (const std::string &keep : request.keep)
      if (failed(addKeep(keep)))
        return failure();
    for (const std::string &pattern : request.together)
      if (failed(addTogether(pattern)))
        return failure();
    if (failed(buildGroups()))
      return failure();
    if (request.mode != "exact" && request.mode != "greedy" && request.mode != "uniform")
      return emitError() << "`mode` is \"" << request.mode << "\"; expected \"exact\", \"greedy\" or \"uniform\"";
    std::optional<Solution> solution = request.mode == "exact"    ? solveExactly(problem)
                                       : request.mode == "greedy" ? solveGreedily(problem)
                                                                  : solveUniformly(problem);
    if (!solution)
      return reportUnmet();
    return makeSelection(*solution);
  }

private:
  LogicalResult addLimit(const Budget &budget);
  LogicalResult addKeep(StringRef keep);
  LogicalResult addTogether(StringRef pattern);
  LogicalResult buildGroups();
  FailureOr<SmallVector<unsigned>> match(StringRef constraint, StringRef pattern);
  LogicalResult fixGroup(ArrayRef<unsigned> members, SmallVectorImpl<Choice> &choices);
  InFlightDiagnostic reportUnmet();
  Selection makeSelection(const Solution &solution);

  const PrecisionCandidate *findCandidate(unsigned site, unsigned scheme) const {
    const auto &candidates = sensitivity.sites[site].candidates;
    const auto *found = llvm::find_if(candidates, [&](const PrecisionCandidate &candidate) { return candidate.scheme == scheme; });
    return found != candidates.end() ? found : nullptr;
  }
  std::string listSchemes(unsigned site) const {
    std::string text;
    for (const PrecisionCandidate &candidate : sensitivity.sites[site].candidates)
      text += (text.empty() ? "`" : ", `") + sensitivity.space.schemes[candidate.scheme].name + "`";
    return text;
  }

  const Sensitivity &sensitivity;
  const SelectionRequest &request;
  EmitError emitError;
  double numWeights = 0;
  SmallVector<Limit> limits;
  std::vector<unsigned> groupOf; ///< The first site of the group of each site.
  std::map<unsigned, StringRef> joinedBy;
  std::vector<const std::string *> fixedBy; ///< The constraint that fixes a site, and its scheme.
  std::vector<unsigned> fixedTo;
  std::vector<SmallVector<unsigned>> members; ///< Sites of each group of the problem.
  Problem problem;
};

LogicalResult Selector::addLimit(const Budget &budget) {
  Limit limit;
  limit.what = budget.what;
  double baseline = NAN;
  if (budget.what == "bytes" || budget.what == "bits") {
    bool isBits = budget.what == "bits";
    double factor = isBits ? 8 / numWeights : 1;
    limit.getCost = [=](const PrecisionCandidate &candidate) { return static_cast<double>(candidate.costs.bytes) * factor; };
    limit.rest = isBits ? 0 : static_cast<double>(sensitivity.rest.bytes);
    baseline = isBits ? NAN : static_cast<double>(sensitivity.baseline.bytes);
  } else if (budget.what == "energy") {
    limit.getCost = [](const PrecisionCandidate &candidate) { return candidate.costs.energy; };
    limit.rest = sensitivity.rest.energy;
    baseline = sensitivity.baseline.energy;
  } else {
    bool isKnown = sensitivity.rest.latency.has_value();
    for (const SiteSensitivity &site : sensitivity.sites)
      for (const PrecisionCandidate &candidate : site.candidates)
        isKnown &= candidate.costs.latency.has_value();
    if (!isKnown)
      return emitError() << "a budget on latency needs the latency of every candidate, and the sensitivity file has none; "
                            "make a table of costs (`lowbit bench-costs`) and give it to `lowbit search --costs`";
    limit.getCost = [](const PrecisionCandidate &candidate) { return *candidate.costs.latency; };
    limit.rest = *sensitivity.rest.latency;
    baseline = sensitivity.baseline.latency.value_or(NAN);
  }
  StringRef text(budget.text);
  bool isRelative = text.consume_back("x");
  if (text.getAsDouble(limit.limit) || !std::isfinite(limit.limit) || limit.limit <= 0)
    return emitError() << "budget `" << budget.what << "` is \"" << budget.text
                       << "\"; expected a number above 0, or such as \"0.5x\" for a part of what the float model takes";
  if (isRelative && !(baseline > 0))
    return emitError() << "budget `" << budget.what << "` is \"" << budget.text
                       << "\", a part of what the float model takes, which the sensitivity file does not say; give a number";
  if (isRelative)
    limit.limit *= baseline;
  problem.limits.push_back(limit.limit - limit.rest);
  limits.push_back(std::move(limit));
  return success();
}

FailureOr<SmallVector<unsigned>> Selector::match(StringRef constraint, StringRef pattern) {
  llvm::Expected<llvm::GlobPattern> glob = RecipeRule::compilePattern(pattern);
  if (!glob)
    return emitError() << "constraint \"" << constraint << "\": " << llvm::toString(glob.takeError());
  SmallVector<unsigned> matched;
  for (auto [i, site] : llvm::enumerate(sensitivity.sites))
    if (glob->match(site.name))
      matched.push_back(i);
  if (!matched.empty())
    return matched;
  InFlightDiagnostic diagnostic = emitError() << "constraint \"" << constraint << "\" matches no site";
  Diagnostic &note = diagnostic.attachNote() << "sites are named";
  for (const SiteSensitivity &site : ArrayRef(sensitivity.sites).take_front(8))
    note << " `" << site.name << "`";
  return diagnostic;
}

LogicalResult Selector::addKeep(StringRef keep) {
  auto [pattern, name] = keep.rsplit('=');
  if (pattern.empty() || name.empty())
    return emitError() << "constraint \"" << keep << "\": expected PATTERN=SCHEME, such as \"*attention.output*=f16\"";
  const auto &schemes = sensitivity.space.schemes;
  const auto *scheme = llvm::find_if(ArrayRef(schemes), [&, name = name](const PrecisionScheme &each) { return each.name == name; });
  if (scheme == ArrayRef(schemes).end()) {
    InFlightDiagnostic diagnostic = emitError() << "constraint \"" << keep << "\": there is no scheme `" << name << "`";
    Diagnostic &note = diagnostic.attachNote() << "schemes are";
    for (const PrecisionScheme &each : schemes)
      note << " `" << each.name << "`";
    return diagnostic;
  }
  FailureOr<SmallVector<unsigned>> sites = match(keep, pattern);
  if (failed(sites))
    return failure();
  unsigned index = scheme - schemes.data();
  const std::string &text = *llvm::find(request.keep, keep);
  for (unsigned site : *sites) {
    if (fixedBy[site] && fixedTo[site] != index)
      return emitError() << "site `" << sensitivity.sites[site].name << "` is in two contradicting constraints, \"" << *fixedBy[site]
                         << "\" and \"" << keep << "\"; remove one, or narrow its pattern";
    if (!findCandidate(site, index))
      return emitError() << "constraint \"" << keep << "\": site `" << sensitivity.sites[site].name << "` has no candidate `" << name
                         << "`; it has " << listSchemes(site);
    fixedBy[site] = &text;
    fixedTo[site] = index;
  }
  return success();
}

LogicalResult Selector::addTogether(StringRef pattern) {
  FailureOr<SmallVector<unsigned>> sites = match(pattern, pattern);
  if (failed(sites))
    return failure();
  for (unsigned site : *sites) {
    unsigned from = groupOf[site], to = groupOf[sites->front()];
    if (from == to)
      continue;
    for (unsigned &group : groupOf)
      if (group == from)
        group = to;
    joinedBy.try_emplace(from, pattern);
    joinedBy.try_emplace(to, pattern);
  }
  return success();
}

/// Leaves `choices` that the constraints on `members` allow.
LogicalResult Selector::fixGroup(ArrayRef<unsigned> members, SmallVectorImpl<Choice> &choices) {
  std::optional<unsigned> fixed;
  for (unsigned site : members) {
    if (!fixedBy[site])
      continue;
    if (fixed && fixedTo[*fixed] != fixedTo[site])
      return emitError() << "constraint \"" << joinedBy[groupOf[site]] << "\", by which `" << sensitivity.sites[*fixed].name << "` and `"
                         << sensitivity.sites[site].name << "` share a scheme, contradicts \"" << *fixedBy[*fixed] << "\" and \""
                         << *fixedBy[site] << "\"; remove one";
    fixed = site;
  }
  if (fixed)
    llvm::erase_if(choices, [&](const Choice &choice) { return choice.scheme != fixedTo[*fixed]; });
  if (!choices.empty())
    return success();
  InFlightDiagnostic diagnostic = emitError() << "constraint \"" << joinedBy[groupOf[members.front()]] << "\": its sites share no candidate"
                                              << (fixed ? " that \"" + *fixedBy[*fixed] + "\" allows" : "");
  for (unsigned site : members.take_front(8))
    diagnostic.attachNote() << "`" << sensitivity.sites[site].name << "` has " << listSchemes(site);
  return diagnostic;
}

LogicalResult Selector::buildGroups() {
  std::map<unsigned, SmallVector<unsigned>> byFirst;
  for (auto [site, group] : llvm::enumerate(groupOf))
    byFirst[group].push_back(site);
  for (auto &[first, sites] : byFirst) {
    SmallVector<Choice, 0> choices;
    for (const PrecisionCandidate &candidate : sensitivity.sites[sites.front()].candidates) {
      Choice choice{candidate.scheme, 0, SmallVector<double, 4>(limits.size(), 0)};
      bool isShared = true;
      for (unsigned site : sites) {
        const PrecisionCandidate *same = findCandidate(site, candidate.scheme);
        if (!(isShared &= same != nullptr))
          break;
        choice.loss += same->loss;
        for (auto [cost, limit] : llvm::zip_equal(choice.costs, limits))
          cost += limit.getCost(*same);
      }
      if (isShared)
        choices.push_back(std::move(choice));
    }
    if (failed(fixGroup(sites, choices)))
      return failure();
    problem.groups.push_back(std::move(choices));
    members.push_back(std::move(sites));
  }
  return success();
}

/// A number that is not below `value`, in few digits.
static std::string formatCost(StringRef what, double value) {
  if (what == "bytes")
    return llvm::formatv("{0:f0}", std::ceil(value - 1e-6)).str();
  if (value == 0)
    return "0";
  double unit = std::pow(10, std::floor(std::log10(value)) - 5);
  std::string text;
  llvm::raw_string_ostream os(text);
  printJSON(os, std::strtod(llvm::formatv("{0:e5}", std::ceil(value / unit - 1e-6) * unit).str().c_str(), nullptr));
  return text;
}

InFlightDiagnostic Selector::reportUnmet() {
  std::vector<unsigned> nearest = solveNearest(problem);
  std::string wanted, met;
  bool canBeMet = problem.isFeasible(nearest);
  for (auto [budget, limit] : llvm::enumerate(limits)) {
    double cost = problem.getCost(nearest, budget) + limit.rest;
    wanted += (budget ? " " : "") + limit.what + "=" + formatCost(limit.what, limit.limit);
    met += (budget ? " " : "") + limit.what + "=" + formatCost(limit.what, std::max(cost, limit.limit));
  }
  if (canBeMet)
    return emitError() << "no selection of mode \"" << request.mode << "\" meets " << wanted << "; \"exact\" finds one";
  InFlightDiagnostic diagnostic = emitError() << "no selection meets " << wanted << "; the nearest that can be met is " << met;
  for (unsigned budget = 0; budget < limits.size(); ++budget) {
    const Limit &limit = limits[budget];
    double least = limit.rest;
    for (const auto &group : problem.groups)
      least += llvm::min_element(group, [&](const Choice &a, const Choice &b) { return a.costs[budget] < b.costs[budget]; })->costs[budget];
    Diagnostic &note = diagnostic.attachNote() << "the least that `" << limit.what << "` alone can be is " << formatCost(limit.what, least);
    if (limit.rest > 0)
      note << ", " << formatCost(limit.what, limit.rest) << " of it outside of the sites";
  }
  if (!request.keep.empty())
    diagnostic.attachNote() << "constraints such as \"" << request.keep.front() << "\" are met; without them less may do";
  return diagnostic;
}

Selection Selector::makeSelection(const Solution &solution) {
  Selection selection;
  selection.candidates.resize(sensitivity.sites.size());
  selection.loss = problem.getLoss(solution.choices);
  selection.bound = solution.bound;
  selection.costs = sensitivity.rest;
  uint64_t bytes = 0;
  for (auto [sites, group, choice] : llvm::zip_equal(members, problem.groups, solution.choices))
    for (unsigned site : sites) {
      const PrecisionCandidate *candidate = findCandidate(site, group[choice].scheme);
      selection.candidates[site] = candidate - sensitivity.sites[site].candidates.begin();
      bytes += candidate->costs.bytes;
      selection.costs.energy += candidate->costs.energy;
      if (selection.costs.latency && candidate->costs.latency)
        *selection.costs.latency += *candidate->costs.latency;
      else
        selection.costs.latency.reset();
    }
  selection.costs.bytes += bytes;
  selection.bits = 8 * static_cast<double>(bytes) / numWeights;
  return selection;
}

} // namespace

FailureOr<Selection> selectPrecision(const Sensitivity &sensitivity, const SelectionRequest &request, EmitError emitError) {
  return Selector(sensitivity, request, emitError).select();
}

std::string writeRecipe(const Sensitivity &sensitivity, const Selection &selection, StringRef name, StringRef description) {
  std::string text;
  llvm::raw_string_ostream os(text);
  sensitivity.space.printRecipeHead(os, name, description);
  for (auto [i, site] : llvm::enumerate(sensitivity.sites)) {
    os << (i ? ",\n    {" : "\n    {");
    sensitivity.space.schemes[site.candidates[selection.candidates[i]].scheme].printRule(os, escapePattern(site.name));
    os << "}";
  }
  sensitivity.space.printRecipeTail(os);
  return text;
}

} // namespace mlir::lowbit
