//===- AdaRound.cpp - rounding up or down is learned ----------------------===//
//
// Nagel et al., "Up or Down? Adaptive Rounding for Post-Training Quantization", 2020, arXiv:2004.10568.
//
//===----------------------------------------------------------------------===//

#include "RectifiedSigmoid.h"
#include "lowbit/PTQ/Algorithm.h"
#include "lowbit/PTQ/CodeLevels.h"
#include "lowbit/PTQ/DampedMoments.h"
#include "lowbit/PTQ/LinearAlgebra.h"
#include "mlir/IR/Threading.h"
#include <cmath>

namespace mlir::lowbit {
#define GEN_PASS_DEF_ADAROUNDPASS
#include "lowbit/PTQ/Passes.h.inc"

namespace {
/// Outputs that are learned at a time, and updates of a variable that fit the time of a large weight.
constexpr int64_t kColumns = 64;
constexpr double kUpdates = 2e9;

struct AdaRoundPass final : AlgorithmPass<impl::AdaRoundPassBase<AdaRoundPass>> {
  using AlgorithmPass::AlgorithmPass;

  bool needsMoments() const override { return true; }

  LogicalResult improve(WeightSite &site) override {
    if (!(rate > 0) || !(strength > 0) || !(damping > 0) || !std::isfinite(rate * strength * damping) || block < 1 || iterations < 1)
      return site.getOp()->emitOpError() << "adaround: iterations are " << iterations.getValue() << ", rate " << rate << ", strength "
                                         << strength << ", block " << block.getValue() << " and damping " << damping
                                         << "; expected positive numbers";
    FailureOr<std::vector<float>> weight = site.readWeight();
    FailureOr<std::vector<HostScale>> scales = site.readScales();
    FailureOr<SecondMoments> moments = readMoments(site);
    if (failed(weight) || failed(scales) || failed(moments))
      return failure();
    SmallVector<int64_t> order = orderByPower(*moments);
    FailureOr<PagedVector<double>> factor = factorMoments(site, *moments, order, damping);
    if (failed(factor))
      return failure();
    double before = measureOutputError(*moments, *weight, *site.readRounded());
    std::vector<Code> codes = learn(site, *weight, *scales, *factor, order);
    if (isBetter(site, "output error", before, measureOutputError(*moments, *weight, site.decode(codes, *scales))))
      site.setCodes(codes, *scales);
    return success();
  }

private:
  /// `factor` is `U` with `inverse(H) = U^T U`, rows and columns in `order`.
  std::vector<Code> learn(WeightSite &site, ArrayRef<float> weight, ArrayRef<HostScale> scales, ArrayRef<double> factor,
                          ArrayRef<int64_t> order) {
    int64_t size = site.getNumInputs(), columns = site.getNumOutputs();
    CodeLevels levels(site.getQuantizer());
    std::vector<Code> codes(weight.size());
    std::vector<float> rows(weight.size());
    PagedVector<float> narrow(factor.begin(), factor.end());
    for (int64_t i = 0; i < size; ++i)
      llvm::copy(weight.slice(order[i] * columns, columns), rows.begin() + i * columns);
    for (int64_t first = 0; first < size; first += block) {
      int64_t count = std::min<int64_t>(block, size - first);
      std::vector<float> inverse = invertBlock(factor, size, first, count), metric(count * count), errors(count * columns),
                         passed(count * columns);
      multiplyByTransposed(inverse, count, metric);
      parallelFor(&getContext(), 0, llvm::divideCeil(columns, kColumns), [&](size_t part) {
        int64_t from = part * kColumns, width = std::min<int64_t>(kColumns, columns - from);
        RoundingChoice choice(metric, count, width, strength);
        std::vector<std::pair<int64_t, HostScale>> below(count * width);
        for (int64_t i = 0; i < count; ++i)
          for (int64_t n = 0; n < width; ++n) {
            HostScale scale = scales[site.getScaleIndex(order[first + i], from + n)];
            float real = rows[(first + i) * columns + from + n];
            int64_t level = levels.findBelow(real / scale.scale + scale.zero), above = std::min(level + 1, levels.size() - 1);
            below[i * width + n] = {level, scale};
            choice.setNeighbours(i, n, real, levels.decode(level, scale), levels.decode(above, scale));
          }
        choice.learn(getIterations(size * columns), rate);
        for (int64_t i = 0; i < count; ++i)
          for (int64_t n = 0; n < width; ++n) {
            auto [level, scale] = below[i * width + n];
            level += choice.isUp(i, n);
            codes[order[first + i] * columns + from + n] = levels.getCode(level);
            errors[i * columns + from + n] = rows[(first + i) * columns + from + n] - levels.decode(level, scale);
          }
      });
      // What is lost reaches the rows behind: rows -= U[block, behind]^T inverse(U[block, block])^T errors
      if (int64_t next = first + count; next < size) {
        addProduct(true, count, columns, count, 1, inverse.data(), count, errors.data(), columns, passed.data(), columns);
        addProduct(true, size - next, columns, count, -1, &narrow[first * size + next], size, passed.data(), columns, &rows[next * columns],
                   columns);
      }
    }
    return codes;
  }

  int64_t getIterations(int64_t size) const {
    return std::min<int64_t>(iterations, std::max<int64_t>(1, static_cast<int64_t>(kUpdates / size)));
  }

  /// The inverse of a block on the diagonal of an upper triangle.
  static std::vector<float> invertBlock(ArrayRef<double> factor, int64_t size, int64_t first, int64_t count) {
    auto at = [&](int64_t i, int64_t j) { return factor[(first + i) * size + first + j]; };
    std::vector<double> inverse(count * count);
    for (int64_t i = count - 1; i >= 0; --i) {
      double *row = &inverse[i * count];
      row[i] = 1;
      for (int64_t k = i + 1; k < count; ++k)
        for (int64_t j = k; j < count; ++j)
          row[j] -= at(i, k) * inverse[k * count + j];
      for (int64_t j = i; j < count; ++j)
        row[j] /= at(i, i);
    }
    return std::vector<float>(inverse.begin(), inverse.end());
  }

  /// `metric = matrix matrix^T`.
  static void multiplyByTransposed(ArrayRef<float> matrix, int64_t count, std::vector<float> &metric) {
    for (int64_t i = 0; i < count; ++i)
      for (int64_t j = 0; j <= i; ++j) {
        double sum = 0;
        for (int64_t k = 0; k < count; ++k)
          sum += static_cast<double>(matrix[i * count + k]) * matrix[j * count + k];
        metric[i * count + j] = metric[j * count + i] = static_cast<float>(sum);
      }
  }
};
} // namespace
} // namespace mlir::lowbit
