//===- SmoothQuant.cpp - the spread of activations moves into the weights -===//
//
// Xiao et al., "SmoothQuant: Accurate and Efficient Post-Training Quantization for Large Language Models", 2023, arXiv:2211.10438.
//
//===----------------------------------------------------------------------===//

#include "ScalingSearch.h"
#include "SmoothRules.h"
#include "lowbit/PTQ/Algorithm.h"
#include "llvm/Support/FormatVariadic.h"

namespace mlir::lowbit {
#define GEN_PASS_DEF_SMOOTHQUANTPASS
#include "lowbit/PTQ/Passes.h.inc"

namespace {

struct SmoothQuantPass final : AlgorithmPass<impl::SmoothQuantPassBase<SmoothQuantPass>> {
  using AlgorithmPass::AlgorithmPass;

  bool needsMoments() const override { return true; }

  void runOnOperation() override {
    if (recipe.empty())
      return AlgorithmPass::runOnOperation();
    if (failed(smoothByRules(getOperation(), recipe, stats)))
      signalPassFailure();
  }

  LogicalResult improveAll(MutableArrayRef<WeightSite> sites) override {
    FailureOr<SmallVector<double>> strengths = readStrengths();
    if (failed(strengths))
      return failure();
    auto refuse = [&](WeightSite &site, StringRef reason) { reportUnchanged(site, reason); };
    for (ChannelGroup &group : ChannelGroup::collect(sites, refuse))
      if (failed(smooth(group, *strengths)))
        return failure();
    return success();
  }

private:
  FailureOr<SmallVector<double>> readStrengths() {
    Location loc = getOperation().getLoc();
    if (steps < 1 || steps > 1000)
      return emitError(loc) << "smooth-quant: steps is " << steps.getValue() << "; expected 1 to 1000";
    SmallVector<double> strengths;
    if (strength == "search") {
      for (int64_t step = 0; step <= steps; ++step)
        strengths.push_back(static_cast<double>(step) / static_cast<double>(steps));
      return strengths;
    }
    double fixed;
    if (StringRef(strength).getAsDouble(fixed) || !(fixed >= 0 && fixed <= 1))
      return emitError(loc) << "smooth-quant: strength is `" << strength.getValue() << "`; expected a number from 0 to 1, or `search`";
    strengths.push_back(fixed);
    return strengths;
  }

  LogicalResult smooth(ChannelGroup &group, ArrayRef<double> strengths) {
    WeightSite &first = group.getFirst();
    const Statistics *loaded = Algorithm::getStatistics(first);
    if (!loaded)
      return failure();
    const Statistics &statistics = *loaded;
    FailureOr<std::vector<double>> spread = readSpread(statistics, first.getOp(), first.getName(), group.getSites().front().activation);
    FailureOr<std::vector<double>> weightSpread = group.computeWeightSpread();
    if (failed(spread) || failed(weightSpread))
      return failure();
    // What was recorded has been scaled since, perhaps.
    std::vector<float> earlier = composeFactors(first.getOp(), std::vector<float>(spread->size(), 1));
    for (auto [x, w, factor] : llvm::zip_equal(*spread, *weightSpread, earlier)) {
      x = std::max(x * factor, kSmallestSpread);
      w = std::max(w, kSmallestSpread);
    }
    std::vector<std::vector<float>> candidates;
    for (double each : strengths)
      candidates.push_back(computeSmoothing(*spread, *weightSpread, each));
    FailureOr<ScalingChoice> choice = scaleByBest(group, [&](WeightSite &site) { return readMoments(site); }, statistics, candidates);
    if (failed(choice))
      return failure();
    for (const ScaledSite &scaled : group.getSites())
      if (!choice->candidate)
        reportUnchanged(*scaled.site, llvm::formatv("its output error would be {0}, not {1}", choice->after, choice->before).str());
      else
        reportImprovement(*scaled.site, llvm::formatv("strength {0}, output error", strengths[*choice->candidate]).str(), choice->before,
                          choice->after);
    return success();
  }
};
} // namespace
} // namespace mlir::lowbit
