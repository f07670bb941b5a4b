//===- HQQ.cpp - scales and zero points by half-quadratic splitting -------===//
//
// Badri and Shaji, "Half-Quadratic Quantization of Large Machine Learning Models", 2023, https://mobiusml.github.io/hqq_blog.
//
//===----------------------------------------------------------------------===//

#include "lowbit/PTQ/Algorithm.h"
#include "lowbit/PTQ/CodeLevels.h"
#include "mlir/IR/Threading.h"
#include "llvm/Support/FormatVariadic.h"
#include <cmath>
#include <numeric>

namespace mlir::lowbit {
#define GEN_PASS_DEF_HQQPASS
#include "lowbit/PTQ/Passes.h.inc"

namespace {
struct HQQPass final : AlgorithmPass<impl::HQQPassBase<HQQPass>> {
  using AlgorithmPass::AlgorithmPass;

  LogicalResult improve(WeightSite &site) override {
    if (!(norm > 0 && norm < 1) || !(beta > 0) || !(growth >= 1) || !std::isfinite(beta * growth) || iterations < 1)
      return site.getOp()->emitOpError() << "hqq: norm is " << norm << ", beta " << beta << ", growth " << growth << " and iterations "
                                         << iterations.getValue()
                                         << "; expected a norm between 0 and 1, a positive beta, a growth of at least 1, and an iteration";
    if (site.hasCodes())
      return site.getOp()->emitOpError() << "hqq chooses scales, but an algorithm before it has chosen codes of site `" << site.getName()
                                         << "`; list `hqq` before it";
    FailureOr<std::vector<float>> weight = site.readWeight();
    FailureOr<std::vector<HostScale>> scales = site.readScales();
    if (failed(weight) || failed(scales))
      return failure();
    std::vector<HostScale> found = findScales(site, *weight, *scales);
    if (isBetter(site, "norm of errors", measure(site, *weight, *scales), measure(site, *weight, found)))
      site.setScales(found);
    return success();
  }

private:
  /// Improves the scale of every block by itself.
  std::vector<HostScale> findScales(const WeightSite &site, ArrayRef<float> weight, ArrayRef<HostScale> scales) {
    // The weights of each block in a run.
    std::vector<int64_t> begin(scales.size() + 1);
    int64_t inputs = site.getNumInputs(), outputs = site.getNumOutputs();
    for (int64_t k = 0; k < inputs; ++k)
      for (int64_t n = 0; n < outputs; ++n)
        ++begin[site.getScaleIndex(k, n) + 1];
    std::partial_sum(begin.begin(), begin.end(), begin.begin());
    std::vector<int64_t> next(begin.begin(), begin.end() - 1);
    std::vector<float> runs(weight.size());
    for (int64_t k = 0; k < inputs; ++k)
      for (int64_t n = 0; n < outputs; ++n)
        runs[next[site.getScaleIndex(k, n)]++] = weight[k * outputs + n];

    CodeLevels levels(site.getQuantizer());
    std::vector<HostScale> found(scales);
    parallelFor(&getContext(), 0, scales.size(), [&](size_t block) {
      ArrayRef<float> run = ArrayRef<float>(runs).slice(begin[block], begin[block + 1] - begin[block]);
      found[block] = improveBlock(site.getQuantizer(), levels, run, scales[block]);
    });
    return found;
  }

  /// What one look at a block with a scale gives: its norm, and what the next scale and zero point come from.
  struct Look {
    double norm = 0, crossed = 0, squared = 0, shift = 0;
  };

  /// Everything in units of `unit`.
  Look look(const CodeLevels &levels, ArrayRef<float> run, HostScale scale, float unit, double beta) const {
    Look found;
    float power = static_cast<float>(norm - 1), share = static_cast<float>(1 / beta), ratio = scale.scale / unit;
    for (float real : run) {
      float level = levels.getReal(levels.findNearest(real / scale.scale + scale.zero)), shifted = level - scale.zero;
      float error = real / unit - ratio * shifted, size = std::fabs(error), weighed = size > 0 ? std::pow(size, power) : 0;
      float split = std::copysign(std::max(0.0f, size - weighed * share), error), rest = real / unit - split;
      found.norm += size * weighed;
      found.crossed += static_cast<double>(rest) * shifted;
      found.squared += static_cast<double>(shifted) * shifted;
      found.shift += level - rest / ratio;
    }
    return found;
  }

  HostScale improveBlock(const HostQuantizer &quantizer, const CodeLevels &levels, ArrayRef<float> run, HostScale first) const {
    bool hasZero = static_cast<bool>(quantizer.getScheme().getZero());
    HostScale scale = first, best = first;
    double least = 0, firmness = beta;
    for (int64_t step = 0; step <= iterations; ++step, firmness *= growth) {
      Look seen = look(levels, run, scale, first.scale, firmness);
      if (step == 0 || seen.norm < least) {
        least = seen.norm;
        best = scale;
      }
      // The zero point and the scale in turn: each is exact where the other stands still.
      if (hasZero && step % 2 == 0) {
        scale.zero = quantizer.clampZero(seen.shift / run.size());
        continue;
      }
      scale.scale = quantizer.roundScale(static_cast<float>(seen.crossed / seen.squared) * first.scale);
      if (!quantizer.isUsable(scale.scale))
        break;
    }
    return best;
  }

  double measure(const WeightSite &site, ArrayRef<float> weight, ArrayRef<HostScale> scales) const {
    double sum = 0;
    for (auto [real, rounded] : llvm::zip_equal(weight, site.decode(site.computeCodes(weight, scales), scales)))
      sum += std::pow(std::fabs(static_cast<double>(real) - rounded), norm);
    return sum;
  }
};
} // namespace
} // namespace mlir::lowbit
