//===- Algorithm.h - what algorithms of post-training quantization share --===//
//
// An algorithm is one pass, `lowbit-ptq-NAME`, in one file: it takes the sites that `sites` matches, one after the other, and makes each
// better by the measure it optimizes, or leaves it as it was and says so. Recipes list algorithms by NAME, in the order they run.
//
//===----------------------------------------------------------------------===//
#ifndef LOWBIT_PTQ_ALGORITHM_H
#define LOWBIT_PTQ_ALGORITHM_H

#include "lowbit/Calibration/Statistics.h"
#include "lowbit/ExternalModels/Register.h"
#include "lowbit/PTQ/Passes.h"
#include "lowbit/PTQ/WeightSite.h"
#include "lowbit/Recipes/Recipe.h"

namespace mlir::lowbit {

/// The part of an algorithm that does not depend on its options.
class Algorithm {
public:
  virtual ~Algorithm() = default;

  /// Whether `lowbit-insert-observers` must keep second moments for it.
  virtual bool needsMoments() const { return false; }
  /// Sets the options that a recipe does not say: patterns of sites and the file of statistics.
  virtual void setInputs(StringRef sites, StringRef statisticsPath) = 0;

protected:
  /// Runs on every site of `module` whose name `pattern` matches. An error where it matches none.
  LogicalResult runOnSites(ModuleOp module, StringRef pattern, StringRef statisticsPath);
  /// Once, with all sites that match. By default each with `improve`.
  virtual LogicalResult improveAll(MutableArrayRef<WeightSite> sites);
  virtual LogicalResult improve(WeightSite &) { return success(); }

  /// The name that recipes know, for messages.
  virtual StringRef getAlgorithmName() const = 0;
  /// The second moments of what `site` reads, as smoothing and the like have changed it since; failure after an error that names the
  /// command that collects them.
  FailureOr<SecondMoments> readMoments(WeightSite &site);
  /// The loaded statistics, or null after an error at `site`.
  const Statistics *getStatistics(WeightSite &site);

  /// Remarks what an algorithm has done to a site: its measure before and after.
  void reportImprovement(WeightSite &site, StringRef measure, double before, double after);
  /// Remarks that a site stays as it was, and why.
  void reportUnchanged(WeightSite &site, const Twine &reason);

private:
  std::string statisticsPath;
  std::shared_ptr<const Statistics> statistics;
};

/// The base of an algorithm's pass; `GeneratedBase` has the options `sites` and `stats`.
template <typename GeneratedBase> struct AlgorithmPass : PassWithModels<GeneratedBase>, Algorithm {
  using PassWithModels<GeneratedBase>::PassWithModels;

  void setInputs(StringRef sites, StringRef statisticsPath) override {
    this->sites = sites.str();
    this->stats = statisticsPath.str();
  }
  StringRef getAlgorithmName() const override { return this->getArgument().substr(StringRef("lowbit-ptq-").size()); }
  void runOnOperation() override {
    if (failed(runOnSites(this->getOperation(), this->sites, this->stats)))
      this->signalPassFailure();
  }
};

/// Adds the algorithms of `recipe` to `pm`, in its order. Optional ones that lack their data are left out, with a remark at `loc`. Failure
/// after a located error: an unknown name or option.
LogicalResult addAlgorithms(OpPassManager &pm, const Recipe &recipe, StringRef statisticsPath, Location loc);

/// Adds the patterns of the sites whose second moments the algorithms of `recipe` read.
LogicalResult collectMomentPatterns(const Recipe &recipe, std::vector<std::string> &patterns);

} // namespace mlir::lowbit

#endif // LOWBIT_PTQ_ALGORITHM_H
