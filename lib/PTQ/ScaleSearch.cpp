//===- ScaleSearch.cpp - scales that clip where it pays -------------------===//

#include "lowbit/PTQ/Algorithm.h"
#include "lowbit/PTQ/DampedMoments.h"
#include "mlir/IR/Threading.h"
#include <cmath>

namespace mlir::lowbit {
#define GEN_PASS_DEF_SCALESEARCHPASS
#include "lowbit/PTQ/Passes.h.inc"

namespace {

/// The weights that share a scale, and what the error of each counts.
struct Block {
  std::vector<float> reals, importance;
};

struct ScaleSearchPass final : AlgorithmPass<impl::ScaleSearchPassBase<ScaleSearchPass>> {
  using AlgorithmPass::AlgorithmPass;

  bool needsMoments() const override { return weighting != "none"; }

  LogicalResult improve(WeightSite &site) override {
    if (!(smallest > 0 && smallest <= 1) || steps < 1 || refine < 0 || !(damping > 0))
      return site.getOp()->emitOpError() << "scale-search: smallest is " << double(smallest) << ", steps " << int64_t(steps) << ", refine "
                                         << int64_t(refine) << ", damping " << double(damping)
                                         << "; expected smallest above 0 and at most 1, steps of at least 1, refine of at least 0, and a "
                                            "positive damping";
    if (site.hasCodes())
      return site.getOp()->emitOpError() << "scale-search: the weight of site `" << site.getName()
                                         << "` is codes already; list `scale-search` before the algorithm that chooses codes";
    FailureOr<std::vector<float>> weight = site.readWeight();
    FailureOr<std::vector<HostScale>> scales = site.readScales();
    FailureOr<std::vector<float>> importance = getImportance(site);
    if (failed(weight) || failed(scales) || failed(importance))
      return failure();
    if (scales->empty())
      return reportUnchanged(site, "it has no weights"), success();
    // The inputs of each group and the outputs of each scale in it: a block is put together where it is searched, and is gone then.
    int64_t perGroup = site.getNumScales() / site.getNumGroups();
    std::vector<std::vector<int64_t>> inputs(site.getNumGroups()), outputs(perGroup);
    for (int64_t k = 0; k < site.getNumInputs(); ++k)
      inputs[site.getGroup(k)].push_back(k);
    for (int64_t n = 0; n < site.getNumOutputs(); ++n)
      outputs[site.getScaleIndex(0, n) % perGroup].push_back(n);
    std::vector<double> before(site.getNumScales()), after(site.getNumScales());
    parallelFor(&getContext(), 0, before.size(), [&](size_t i) {
      HostScale &scale = (*scales)[i];
      Block block;
      for (int64_t k : inputs[i / perGroup])
        for (int64_t n : outputs[i % perGroup]) {
          block.reals.push_back((*weight)[k * site.getNumOutputs() + n]);
          block.importance.push_back((*importance)[k]);
        }
      before[i] = measure(site, block, scale);
      std::tie(scale, after[i]) = search(site, block, scale, before[i]);
    });
    double errorBefore = 0, errorAfter = 0;
    for (auto [first, second] : llvm::zip_equal(before, after)) {
      errorBefore += first;
      errorAfter += second;
    }
    if (!(errorAfter < errorBefore))
      return reportUnchanged(site, "no other range has a smaller error"), success();
    site.setScales(*scales);
    reportImprovement(site, "weighted error", errorBefore, errorAfter);
    return success();
  }

private:
  /// What the error of each input counts.
  FailureOr<std::vector<float>> getImportance(WeightSite &site) {
    int64_t size = site.getNumInputs();
    if (weighting == "none")
      return std::vector<float>(size, 1.0f);
    if (weighting != "diagonal" && weighting != "inverse")
      return site.getOp()->emitOpError() << "scale-search: weighting is `" << weighting << "`; expected `none`, `diagonal` or `inverse`";
    FailureOr<SecondMoments> moments = readMoments(site);
    if (failed(moments))
      return failure();
    if (centered)
      moments->center();
    SmallVector<int64_t> order = llvm::to_vector(llvm::seq<int64_t>(0, size));
    FailureOr<PagedVector<double>> factored =
        weighting == "inverse" ? factorMoments(site, *moments, order, damping) : dampMoments(*moments, order, damping);
    if (failed(factored))
      return failure();
    const PagedVector<double> &matrix = *factored;
    std::vector<float> importance(size);
    for (int64_t k = 0; k < size; ++k) {
      double diagonal = matrix[k * size + k];
      if (weighting == "inverse") {
        // inverse(H)[k, k] is the square of column k of its factor.
        diagonal = 0;
        for (int64_t i = 0; i <= k; ++i)
          diagonal += matrix[i * size + k] * matrix[i * size + k];
        diagonal = 1 / diagonal;
      }
      importance[k] = static_cast<float>(diagonal);
    }
    return importance;
  }

  static double measure(const WeightSite &site, const Block &block, HostScale scale) {
    double sum = 0;
    for (auto [real, counts] : llvm::zip_equal(block.reals, block.importance)) {
      double error = real - site.getQuantizer().round(real, scale);
      sum += counts * error * error;
    }
    return sum;
  }

  std::pair<HostScale, double> search(const WeightSite &site, const Block &block, HostScale best, double leastError) const {
    const HostQuantizer &quantizer = site.getQuantizer();
    auto [low, high] = std::minmax_element(block.reals.begin(), block.reals.end());
    // Where a format reaches further to one side, a negative scale turns that side up. A zero point does the same.
    bool mirrors = mirrored && quantizer.hasNegativeScales() && !quantizer.isSymmetric() && !quantizer.getScheme().getZero();
    auto consider = [&](HostScale scale) {
      if (!quantizer.isUsable(scale.scale))
        return false;
      double error = measure(site, block, scale);
      if (!(error < leastError))
        return false;
      leastError = error;
      best = scale;
      return true;
    };
    for (int64_t step = 0; step <= steps; ++step) {
      float share = static_cast<float>(smallest + (1 - smallest) * step / steps);
      HostScale scale = quantizer.computeScale(*low * share, *high * share);
      consider(scale);
      if (mirrors)
        consider({-scale.scale, scale.zero});
    }
    for (int64_t round = 0; round < refine; ++round)
      if (!consider(fit(quantizer, block, best)))
        break;
    return {best, leastError};
  }

  /// The scale with the least weighted error for the codes that `scale` gives.
  static HostScale fit(const HostQuantizer &quantizer, const Block &block, HostScale scale) {
    double product = 0, square = 0;
    for (auto [real, counts] : llvm::zip_equal(block.reals, block.importance)) {
      double level = quantizer.round(real, scale) / scale.scale;
      product += counts * level * real;
      square += counts * level * level;
    }
    return {square > 0 ? quantizer.roundScale(static_cast<float>(product / square)) : scale.scale, scale.zero};
  }
};
} // namespace
} // namespace mlir::lowbit
