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
  /// Whether it changes what sites read, without data. It then runs on the named float model, before observers and schemes are there, and
  /// before statistics are read: those are of what it leaves.
  virtual bool changesActivations() const { return false; }
  /// The recipe that lists it, as text, by which an algorithm that runs before schemes are there knows which sites become codes.
  virtual void setRecipe(StringRef) {}
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

  /// `U` with `inverse(H) = U^T U` of damped moments, rows and columns in `order`; failure after an error where they are singular.
  FailureOr<PagedVector<double>> factorMoments(WeightSite &site, const SecondMoments &moments, ArrayRef<int64_t> order, double damping);

  /// Whether a site's measure falls, remarked either way.
  bool isBetter(WeightSite &site, StringRef measure, double before, double after);
  /// Says, in a remark and for the report, what an algorithm has done to a site: its measure before and after.
  void reportImprovement(WeightSite &site, StringRef measure, double before, double after) {
    reportImprovement(site.getOp(), measure, before, after);
  }
  void reportImprovement(Operation *site, StringRef measure, double before, double after);
  /// Says that a site stays as it was, and why.
  void reportUnchanged(WeightSite &site, const Twine &reason) { reportUnchanged(site.getOp(), reason); }
  void reportUnchanged(Operation *site, const Twine &reason);
  /// Writes down what has been done to the activation of `site`, so that statistics of what it read before are refused.
  static void noteActivationChange(Operation *site, StringRef change);

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

/// Adds the algorithms of `recipe` that change activations to `pm`, in its order; they run after `lowbit-name-sites`, both where a model is
/// calibrated and where it is quantized. `text` is what `recipe` was loaded from. Failure after a located error: an unknown name or option.
LogicalResult addActivationAlgorithms(OpPassManager &pm, const Recipe &recipe, StringRef text);

/// Adds the other algorithms of `recipe`, which run after `lowbit-insert-qdq`. Optional ones that lack their data are left out, with a
/// remark at `loc`.
LogicalResult addAlgorithms(OpPassManager &pm, const Recipe &recipe, StringRef statisticsPath, Location loc);

/// Adds the patterns of the sites whose second moments the algorithms of `recipe` read.
LogicalResult collectMomentPatterns(const Recipe &recipe, std::vector<std::string> &patterns);

} // namespace mlir::lowbit

#endif // LOWBIT_PTQ_ALGORITHM_H
