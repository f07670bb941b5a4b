//===- Equalize.cpp - neighbouring linears share their spread -------------===//
//
// Nagel et al., "Data-Free Quantization Through Weight Equalization and Bias Correction", 2019, arXiv:1906.04721.
//
//===----------------------------------------------------------------------===//

#include "AbsorbScaling.h"
#include "ChannelScaling.h"
#include "lowbit/PTQ/Algorithm.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/SmallPtrSet.h"
#include "llvm/Support/FormatVariadic.h"
#include <cmath>

namespace mlir::lowbit {
#define GEN_PASS_DEF_EQUALIZEPASS
#include "lowbit/PTQ/Passes.h.inc"

namespace {

/// Factors that differ from one by less have settled.
constexpr float kSettled = 1e-3f;

/// A linear and those that alone read its outputs.
struct Pair {
  ChannelGroup *group;
  AbsorptionPlan plan;
  /// What the channels between them are multiplied by.
  std::vector<float> factors;

  WeightSite &getLinear() const { return *plan.getLinear(); }
};

/// Squares of weights and of what rounding loses, summed over each channel.
struct ChannelEnergy {
  std::vector<double> weight, lost;
};

using Weights = llvm::DenseMap<WeightSite *, std::vector<float>>;

struct EqualizePass final : AlgorithmPass<impl::EqualizePassBase<EqualizePass>> {
  using AlgorithmPass::AlgorithmPass;

  LogicalResult improveAll(MutableArrayRef<WeightSite> sites) override {
    if (sweeps < 1)
      return emitError(getOperation().getLoc()) << "equalize: sweeps is " << sweeps.getValue() << "; expected at least 1";
    SmallVector<WeightSite *> linears;
    for (WeightSite &site : sites)
      linears.push_back(&site);
    auto refuse = [&](WeightSite &site, StringRef reason) { reportUnchanged(site, reason); };
    SmallVector<ChannelGroup, 0> groups = ChannelGroup::collect(sites, refuse);
    SmallVector<Pair, 0> pairs = findPairs(groups, linears);
    Weights weights;
    for (Pair &pair : pairs) {
      if (failed(readOnce(pair.getLinear(), weights)))
        return failure();
      for (const ScaledSite &scaled : pair.group->getSites())
        if (failed(readOnce(*scaled.site, weights)))
          return failure();
    }
    float moved = 1;
    for (int64_t sweep = 0; sweep < sweeps && moved > kSettled; ++sweep) {
      moved = 0;
      for (Pair &pair : pairs)
        moved = std::max(moved, equalize(pair, weights));
    }
    for (Pair &pair : pairs)
      if (failed(scaleIfBetter(pair)))
        return failure();
    return success();
  }

private:
  SmallVector<Pair, 0> findPairs(MutableArrayRef<ChannelGroup> groups, ArrayRef<WeightSite *> linears) {
    SmallVector<Pair, 0> pairs;
    llvm::SmallPtrSet<WeightSite *, 16> paired;
    for (ChannelGroup &group : groups) {
      Pair pair{&group, AbsorptionPlan(linears), std::vector<float>(group.getNumChannels(), 1)};
      if (!group.isOnlyReader() || !pair.plan.add(group.getActivation(), group.getAxis()) || !pair.plan.getLinear())
        continue;
      paired.insert(&pair.getLinear());
      for (const ScaledSite &scaled : group.getSites())
        paired.insert(scaled.site);
      pairs.push_back(std::move(pair));
    }
    for (ChannelGroup &group : groups)
      for (const ScaledSite &scaled : group.getSites())
        if (!paired.contains(scaled.site))
          reportUnchanged(*scaled.site,
                          "it forms no pair: one of two neighbours must be all that reads the other, through ops that a factor passes");
    return pairs;
  }

  static LogicalResult readOnce(WeightSite &site, Weights &weights) {
    if (weights.count(&site))
      return success();
    FailureOr<std::vector<float>> weight = site.readWeight();
    if (failed(weight))
      return failure();
    weights[&site] = std::move(*weight);
    return success();
  }

  /// Brings the ranges of both sides to their geometric mean; how far the furthest factor is from one.
  static float equalize(Pair &pair, Weights &weights) {
    std::vector<float> &first = weights[&pair.getLinear()];
    int64_t channels = pair.factors.size();
    std::vector<float> firstRange(channels), secondRange(channels), factors(channels, 1);
    for (auto [index, real] : llvm::enumerate(first))
      firstRange[index % channels] = std::max(firstRange[index % channels], std::fabs(real));
    forEachInput(pair, weights,
                 [&](float &real, int64_t channel) { secondRange[channel] = std::max(secondRange[channel], std::fabs(real)); });
    float moved = 0;
    for (int64_t channel = 0; channel < channels; ++channel) {
      // A channel that one side does not use may have any factor.
      if (firstRange[channel] < kSmallestSpread || secondRange[channel] < kSmallestSpread)
        continue;
      factors[channel] = std::sqrt(secondRange[channel] / firstRange[channel]);
      pair.factors[channel] *= factors[channel];
      moved = std::max(moved, std::fabs(factors[channel] - 1));
    }
    for (auto [index, real] : llvm::enumerate(first))
      real *= factors[index % channels];
    forEachInput(pair, weights, [&](float &real, int64_t channel) { real /= factors[channel]; });
    return moved;
  }

  static void forEachInput(Pair &pair, Weights &weights, function_ref<void(float &, int64_t)> visit) {
    for (const ScaledSite &scaled : pair.group->getSites()) {
      int64_t columns = scaled.site->getNumOutputs();
      std::vector<float> &weight = weights[scaled.site];
      for (auto [k, channel] : llvm::enumerate(scaled.channelOf))
        for (float &real : MutableArrayRef<float>(weight).slice(k * columns, columns))
          visit(real, channel);
    }
  }

  LogicalResult scaleIfBetter(Pair &pair) {
    std::string name = pair.getLinear().getName().str();
    FailureOr<double> before = measure(pair, {}), after = measure(pair, pair.factors);
    if (failed(before) || failed(after))
      return failure();
    auto report = [&](auto each) {
      each(pair.getLinear());
      for (const ScaledSite &scaled : pair.group->getSites())
        each(*scaled.site);
    };
    if (!(*after < *before)) {
      std::string reason = llvm::formatv("the error of the pair that `{0}` begins would be {1}, not {2}", name, *after, *before);
      report([&](WeightSite &site) { reportUnchanged(site, reason); });
      return success();
    }
    const Statistics *statistics = nullptr;
    if (llvm::any_of(pair.group->getSites(), [](const ScaledSite &scaled) { return scaled.isStatic; }))
      if (statistics = Algorithm::getStatistics(pair.group->getFirst()); !statistics)
        return failure();
    if (failed(pair.group->scale(pair.factors, statistics, pair.plan)))
      return failure();
    report([&](WeightSite &site) { reportImprovement(site, ("error of the pair that `" + name + "` begins").c_str(), *before, *after); });
    return success();
  }

  /// Adds what rounding loses of a weight, multiplied by `factor(k, n)`, to its channels.
  template <typename Channel, typename Factor>
  static LogicalResult addEnergy(const WeightSite &site, bool asIs, Channel channel, Factor factor, ChannelEnergy &energy) {
    FailureOr<std::vector<float>> weight = site.readWeight();
    if (failed(weight))
      return failure();
    int64_t columns = site.getNumOutputs();
    std::vector<float> rounded;
    if (asIs) {
      FailureOr<std::vector<float>> stands = site.readRounded();
      if (failed(stands))
        return failure();
      rounded = std::move(*stands);
    } else {
      for (int64_t k = 0; k < site.getNumInputs(); ++k)
        for (int64_t n = 0; n < columns; ++n)
          (*weight)[k * columns + n] *= factor(k, n);
      std::vector<HostScale> scales = site.computeScales(*weight);
      rounded = site.decode(site.computeCodes(*weight, scales), scales);
    }
    for (int64_t k = 0; k < site.getNumInputs(); ++k)
      for (int64_t n = 0; n < columns; ++n) {
        double real = (*weight)[k * columns + n], lost = real - rounded[k * columns + n];
        energy.weight[channel(k, n)] += real * real;
        energy.lost[channel(k, n)] += lost * lost;
      }
    return success();
  }

  /// What rounding loses on the way through both, for inputs that are alike; as the model stands where `factors` is empty.
  static FailureOr<double> measure(const Pair &pair, ArrayRef<float> factors) {
    size_t channels = pair.factors.size();
    ChannelEnergy first{std::vector<double>(channels), std::vector<double>(channels)}, second = first;
    auto getFactor = [&](int64_t channel) { return factors.empty() ? 1.0f : factors[channel]; };
    if (failed(addEnergy(
            pair.getLinear(), factors.empty(), [](int64_t, int64_t n) { return n; }, [&](int64_t, int64_t n) { return getFactor(n); },
            first)))
      return failure();
    for (const ScaledSite &scaled : pair.group->getSites()) {
      auto channel = [&](int64_t k, int64_t) { return scaled.channelOf[k]; };
      auto factor = [&](int64_t k, int64_t) { return 1 / getFactor(scaled.channelOf[k]); };
      if (failed(addEnergy(*scaled.site, factors.empty(), channel, factor, second)))
        return failure();
    }
    double total = 0;
    for (size_t i = 0; i < channels; ++i)
      total += first.lost[i] * second.weight[i] + first.weight[i] * second.lost[i];
    return total;
  }
};
} // namespace
} // namespace mlir::lowbit
