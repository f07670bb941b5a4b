//===- AWQ.cpp - weights that meet large activations are rounded finer ----===//
//
// Lin et al., "AWQ: Activation-aware Weight Quantization for LLM Compression and Acceleration", 2023, arXiv:2306.00978.
//
//===----------------------------------------------------------------------===//

#include "ScalingSearch.h"
#include "lowbit/PTQ/Algorithm.h"
#include "llvm/Support/FormatVariadic.h"
#include <cmath>

namespace mlir::lowbit {
#define GEN_PASS_DEF_AWQPASS
#include "lowbit/PTQ/Passes.h.inc"

namespace {

/// Channels below this share of the mean magnitude count as that: others may come to life.
constexpr double kSmallestShare = 0.01;

struct AWQPass final : AlgorithmPass<impl::AWQPassBase<AWQPass>> {
  using AlgorithmPass::AlgorithmPass;

  bool needsMoments() const override { return true; }

  LogicalResult improveAll(MutableArrayRef<WeightSite> sites) override {
    if (steps < 1 || steps > 1000)
      return emitError(getOperation().getLoc()) << "awq: steps is " << steps.getValue() << "; expected 1 to 1000";
    auto refuse = [&](WeightSite &site, StringRef reason) { reportUnchanged(site, reason); };
    for (ChannelGroup &group : ChannelGroup::collect(sites, refuse))
      if (failed(improveGroup(group)))
        return failure();
    return success();
  }

private:
  LogicalResult improveGroup(ChannelGroup &group) {
    WeightSite &first = group.getFirst();
    FailureOr<SecondMoments> moments = readMoments(first);
    if (failed(moments))
      return failure();
    std::vector<double> magnitudes = computeMagnitudes(*moments, group);
    std::vector<std::vector<float>> candidates;
    for (int64_t step = 0; step <= steps; ++step)
      candidates.push_back(computeFactors(magnitudes, static_cast<double>(step) / static_cast<double>(steps)));
    FailureOr<ScalingChoice> choice =
        scaleByBest(group, [&](WeightSite &site) { return readMoments(site); }, *Algorithm::getStatistics(first), candidates);
    if (failed(choice))
      return failure();
    for (const ScaledSite &scaled : group.getSites())
      if (!choice->candidate)
        reportUnchanged(*scaled.site, llvm::formatv("no strength brings the output error below {0}", choice->before).str());
      else
        reportImprovement(
            *scaled.site,
            llvm::formatv("strength {0}, output error", static_cast<double>(*choice->candidate) / static_cast<double>(steps)).str(),
            choice->before, choice->after);
    return success();
  }

  /// The root of the mean square of each channel.
  static std::vector<double> computeMagnitudes(const SecondMoments &moments, const ChannelGroup &group) {
    std::vector<double> magnitudes;
    double mean = 0;
    auto size = static_cast<double>(group.getNumChannels());
    for (double square : ChannelMoments(moments, group.getSites().front().channelOf, group.getNumChannels()).square)
      mean += magnitudes.emplace_back(std::sqrt(square)) / size;
    for (double &magnitude : magnitudes)
      magnitude = mean > 0 ? std::max(magnitude, kSmallestShare * mean) : 1;
    return magnitudes;
  }

  /// What activations are multiplied by: 1 / s.
  static std::vector<float> computeFactors(ArrayRef<double> magnitudes, double strength) {
    auto [smallest, largest] = std::minmax_element(magnitudes.begin(), magnitudes.end());
    double middle = std::sqrt(std::pow(*smallest, strength) * std::pow(*largest, strength));
    std::vector<float> factors;
    for (double magnitude : magnitudes)
      factors.push_back(static_cast<float>(middle / std::pow(magnitude, strength)));
    return factors;
  }
};
} // namespace
} // namespace mlir::lowbit
