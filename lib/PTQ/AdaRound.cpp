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
    double before = measureOutputError(&getContext(), *moments, *weight, *site.readRounded());
    std::vector<Code> codes = learn(site, *weight, *scales, *factor, order);
    if (isBetter(site, "output error", before, measureOutputError(&getContext(), *moments, *weight, site.decode(codes, *scales))))
      site.setCodes(codes, *scales);
    return success();
  }

private:
  /// Inputs that are learned together: what errors of theirs cost, and the inverse of their part of the factor.
  struct Block {
    int64_t first, count;
    std::vector<float> inverse, metric;
  };

  /// `factor` is `U` with `inverse(H) = U^T U`, rows and columns in `order`. No output depends on another.
  std::vector<Code> learn(WeightSite &site, ArrayRef<float> weight, ArrayRef<HostScale> scales, ArrayRef<double> factor,
                              ArrayRef<int64_t> order) {
    int64_t size = site.getNumInputs(), columns = site.getNumOutputs();
    CodeLevels levels(site.getQuantizer());
    std::vector<Code> codes(weight.size());
    PagedVector<float> narrow(factor.begin(), factor.end());
    std::vector<Block> blocks(llvm::divideCeil(size, block.getValue()));
    parallelFor(&getContext(), 0, blocks.size(), [&](size_t i) {
      int64_t first = i * block, count = std::min<int64_t>(block, size - first);
      blocks[i] = {first, count, invertBlock(factor, size, first, count), std::vector<float>(count * count)};
      multiplyByTransposed(blocks[i].inverse, count, blocks[i].metric);
    });
    parallelFor(&getContext(), 0, llvm::divideCeil(columns, kColumns), [&](size_t part) {
      int64_t from = part * kColumns, width = std::min<int64_t>(kColumns, columns - from);
      std::vector<float> rows(size * width);
      for (int64_t i = 0; i < size; ++i)
        llvm::copy(weight.slice(order[i] * columns + from, width), rows.begin() + i * width);
      for (const Block &each : blocks) {
        std::vector<float> errors = learnBlock(site, levels, scales, order, each, from, width, getIterations(size * columns), rows, codes);
        // What is lost reaches the rows behind: rows -= U[block, behind]^T inverse(U[block, block])^T errors
        int64_t next = each.first + each.count;
        if (next == size)
          break;
        std::vector<float> passed(errors.size());
        addProduct(true, each.count, width, each.count, 1, each.inverse.data(), each.count, errors.data(), width, passed.data(), width);
        addProduct(true, size - next, width, each.count, -1, &narrow[each.first * size + next], size, passed.data(), width,
                   &rows[next * width], width);
      }
    });
    return codes;
  }

  /// Chooses the codes of a block for `width` outputs from `from` on, whose weights as they are now are in `rows`; what they lose.
  std::vector<float> learnBlock(WeightSite &site, const CodeLevels &levels, ArrayRef<HostScale> scales, ArrayRef<int64_t> order,
                                const Block &block, int64_t from, int64_t width, int64_t steps, ArrayRef<float> rows,
                                std::vector<Code> &codes) {
    RoundingChoice choice(block.metric, block.count, width, strength);
    std::vector<std::pair<int64_t, HostScale>> below(block.count * width);
    for (int64_t i = 0; i < block.count; ++i)
      for (int64_t n = 0; n < width; ++n) {
        HostScale scale = scales[site.getScaleIndex(order[block.first + i], from + n)];
        float real = rows[(block.first + i) * width + n];
        int64_t level = levels.findBelow(real / scale.scale + scale.zero), above = std::min(level + 1, levels.size() - 1);
        below[i * width + n] = {level, scale};
        choice.setNeighbours(i, n, real, levels.decode(level, scale), levels.decode(above, scale));
      }
    choice.learn(steps, rate);
    std::vector<float> errors(block.count * width);
    for (int64_t i = 0; i < block.count; ++i)
      for (int64_t n = 0; n < width; ++n) {
        auto [level, scale] = below[i * width + n];
        level += choice.isUp(i, n);
        codes[order[block.first + i] * site.getNumOutputs() + from + n] = levels.getCode(level);
        errors[i * width + n] = rows[(block.first + i) * width + n] - levels.decode(level, scale);
      }
    return errors;
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
