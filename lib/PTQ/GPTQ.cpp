//===- GPTQ.cpp - codes that make up for one another's errors -------------===//
//
// Frantar et al., "GPTQ: Accurate Post-Training Quantization for Generative Pre-trained Transformers", 2023, arXiv:2210.17323.
//
//===----------------------------------------------------------------------===//

#include "lowbit/PTQ/Algorithm.h"
#include "lowbit/PTQ/DampedMoments.h"
#include "lowbit/PTQ/LinearAlgebra.h"
#include "mlir/IR/Threading.h"
#include <cmath>

namespace mlir::lowbit {
#define GEN_PASS_DEF_GPTQPASS
#include "lowbit/PTQ/Passes.h.inc"

namespace {

struct GPTQPass final : AlgorithmPass<impl::GPTQPassBase<GPTQPass>> {
  using AlgorithmPass::AlgorithmPass;

  bool needsMoments() const override { return true; }

  LogicalResult improve(WeightSite &site) override {
    if (!(damping > 0) || !std::isfinite(damping) || block < 1)
      return site.getOp()->emitOpError() << "gptq: damping is " << damping << " and block " << block.getValue()
                                         << "; expected positive numbers";
    FailureOr<std::vector<float>> weight = site.readWeight();
    FailureOr<std::vector<HostScale>> scales = site.readScales();
    FailureOr<SecondMoments> moments = readMoments(site);
    if (failed(weight) || failed(scales) || failed(moments))
      return failure();
    if (centered)
      moments->center();
    SmallVector<int64_t> order = activationOrder ? orderByPower(*moments) : llvm::to_vector(llvm::seq<int64_t>(0, site.getNumInputs()));
    FailureOr<PagedVector<double>> factor = factorMoments(site, *moments, order, damping);
    if (failed(factor))
      return failure();
    double before = measureOutputError(&getContext(), *moments, *weight, *site.readRounded());
    std::vector<Code> codes = quantize(site, *weight, *scales, PagedVector<float>(factor->begin(), factor->end()), order);
    if (isBetter(site, "output error", before, measureOutputError(&getContext(), *moments, *weight, site.decode(codes, *scales))))
      site.setCodes(codes, *scales);
    return success();
  }

private:
  /// Rounds row after row of the weight, and moves what the others can make up for of the error to the rows behind. Rows are worked on in
  /// blocks: what a block's errors mean for all rows behind it is one product of matrices.
  std::vector<Code> quantize(WeightSite &site, ArrayRef<float> weight, ArrayRef<HostScale> scales, ArrayRef<float> factor,
                             ArrayRef<int64_t> order) {
    int64_t size = site.getNumInputs(), columns = site.getNumOutputs();
    std::vector<Code> codes(weight.size());
    std::vector<float> rows(weight.size()), errors(block * columns);
    for (int64_t i = 0; i < size; ++i)
      llvm::copy(weight.slice(order[i] * columns, columns), rows.begin() + i * columns);
    for (int64_t first = 0; first < size; first += block) {
      int64_t last = std::min<int64_t>(first + block, size);
      parallelFor(&getContext(), 0, llvm::divideCeil(columns, kColumns), [&](size_t part) {
        int64_t from = part * kColumns, to = std::min<int64_t>(from + kColumns, columns);
        for (int64_t i = first; i < last; ++i) {
          float *row = &rows[i * columns], *error = &errors[(i - first) * columns], diagonal = factor[i * size + i];
          int64_t k = order[i];
          for (int64_t n = from; n < to; ++n) {
            HostScale scale = scales[site.getScaleIndex(k, n)];
            auto code = static_cast<Code>(site.getQuantizer().encode(row[n], scale));
            auto real = static_cast<float>(site.getQuantizer().decode(code, scale));
            codes[k * columns + n] = code;
            error[n] = (row[n] - real) / diagonal;
          }
          for (int64_t j = i + 1; j < last; ++j) {
            float share = factor[i * size + j], *behind = &rows[j * columns];
            for (int64_t n = from; n < to; ++n)
              behind[n] -= share * error[n];
          }
        }
      });
      // rows behind the block -= U[block, behind]^T errors
      if (last < size)
        addProduct(true, size - last, columns, last - first, -1, &factor[first * size + last], size, errors.data(), columns,
                   &rows[last * columns], columns);
    }
    return codes;
  }

  /// Outputs that one task works on: a few lines of the cache of every row of a block.
  static constexpr int64_t kColumns = 64;
};
} // namespace
} // namespace mlir::lowbit
