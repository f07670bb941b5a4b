//===- COMQ.cpp - codes and scales by coordinate descent ------------------===//
//
// Zhang et al., "COMQ: A Backpropagation-Free Algorithm for Post-Training Quantization", 2024, arXiv:2403.07134.
//
//===----------------------------------------------------------------------===//

#include "lowbit/PTQ/Algorithm.h"
#include "lowbit/PTQ/DampedMoments.h"
#include "lowbit/PTQ/LinearAlgebra.h"
#include "mlir/IR/Threading.h"
#include "llvm/ADT/MapVector.h"
#include <cmath>

namespace mlir::lowbit {
#define GEN_PASS_DEF_COMQPASS
#include "lowbit/PTQ/Passes.h.inc"

namespace {

/// Outputs that one task works on: a few lines of the cache of every input.
constexpr int64_t kColumns = 64;
/// Inputs after whose moves the pull of all others is brought up to date.
constexpr int64_t kRows = 64;
/// Products of a whole run: a layer of 4096 x 4096 gets 6 rounds.
constexpr double kProducts = 6.0 * 4096 * 4096 * 4096;
/// A scale that changes by less than this share of itself has arrived.
constexpr float kStill = 1e-5f;

/// Some outputs of a weight on their way down. Rows are inputs in the order in which they are visited.
/// Invariants: `error = weight - decode(codes, scales)`, `pull = metric error`.
class Descent {
public:
  Descent(const WeightSite &site, ArrayRef<float> weight, ArrayRef<float> metric, ArrayRef<int64_t> order, MutableArrayRef<Code> codes,
          MutableArrayRef<HostScale> scales, int64_t from, int64_t width)
      : site(site), weight(weight), metric(metric), order(order), codes(codes), scales(scales), size(order.size()), from(from),
        width(width), members(site.getNumGroups()), error(size * width), pull(size * width) {
    for (int64_t i = 0; i < size; ++i)
      members[site.getGroup(order[i])].push_back(i);
  }

  void run(int64_t rounds, bool fitsScales) {
    for (int64_t i = 0; i < size; ++i)
      for (int64_t n = 0; n < width; ++n)
        error[i * width + n] = weight[getIndex(i, n)] - decode(i, n, getScale(i, n));
    for (int64_t round = 0; round < rounds; ++round) {
      std::fill(pull.begin(), pull.end(), 0.0f);
      addProduct(false, size, width, size, 1, metric.data(), size, error.data(), width, pull.data(), width);
      bool moved = moveCodes();
      for (ArrayRef<int64_t> inputs : members)
        moved |= fitsScales && !inputs.empty() && fitGroup(inputs);
      if (!moved)
        break;
    }
  }

private:
  int64_t getIndex(int64_t i, int64_t n) const { return order[i] * site.getNumOutputs() + from + n; }
  HostScale &getScale(int64_t i, int64_t n) const { return scales[site.getScaleIndex(order[i], from + n)]; }
  float decode(int64_t i, int64_t n, HostScale scale) const {
    return static_cast<float>(site.getQuantizer().decode(codes[getIndex(i, n)], scale));
  }

  /// Takes what `steps` of the inputs from `first` on change off the pull of those in [begin, end).
  void update(int64_t first, ArrayRef<float> steps, int64_t begin, int64_t end) {
    if (begin < end)
      addProduct(true, end - begin, width, steps.size() / width, -1, &metric[first * size + begin], size, steps.data(), width,
                 &pull[begin * width], width);
  }

  /// Gives each weight in turn the code with the least output error while all others stay.
  bool moveCodes() {
    bool anyMoved = false;
    for (int64_t first = 0; first < size; first += kRows) {
      int64_t last = std::min(first + kRows, size);
      std::vector<float> steps((last - first) * width);
      bool moved = false;
      for (int64_t i = first; i < last; ++i) {
        MutableArrayRef<float> step = MutableArrayRef<float>(steps).slice((i - first) * width, width);
        if (!moveRow(i, step))
          continue;
        moved = true;
        update(i, step, first, last);
      }
      if (!moved)
        continue;
      anyMoved = true;
      update(first, steps, 0, first);
      update(first, steps, last, size);
    }
    return anyMoved;
  }

  bool moveRow(int64_t i, MutableArrayRef<float> step) {
    bool moved = false;
    for (int64_t n = 0; n < width; ++n) {
      HostScale scale = getScale(i, n);
      float old = decode(i, n, scale), wanted = old + pull[i * width + n] / metric[i * size + i];
      Code code = site.getQuantizer().encode(wanted, scale);
      auto real = static_cast<float>(site.getQuantizer().decode(code, scale));
      if (!(std::fabs(real - wanted) < std::fabs(old - wanted)))
        continue;
      step[n] = real - old;
      codes[getIndex(i, n)] = code;
      error[i * width + n] -= step[n];
      moved = true;
    }
    return moved;
  }

  /// Gives every scale of a group of inputs the value with the least output error for these codes; whether one has moved.
  bool fitGroup(ArrayRef<int64_t> inputs) {
    auto count = static_cast<int64_t>(inputs.size());
    std::vector<float> levels(count * width), rows(count * size), weighted(size * width);
    for (auto [k, i] : llvm::enumerate(inputs)) {
      std::copy_n(&metric[i * size], size, &rows[k * size]);
      for (int64_t n = 0; n < width; ++n)
        levels[k * width + n] = decode(i, n, {1, getScale(i, n).zero});
    }
    addProduct(true, size, width, count, 1, rows.data(), size, levels.data(), width, weighted.data(), width);
    // Numerator and denominator of what a scale has to grow by.
    llvm::MapVector<int64_t, std::pair<double, double>> fits;
    for (auto [k, i] : llvm::enumerate(inputs))
      for (int64_t n = 0; n < width; ++n) {
        auto &[pulled, curvature] = fits[site.getScaleIndex(order[i], from + n)];
        pulled += static_cast<double>(levels[k * width + n]) * pull[i * width + n];
        curvature += static_cast<double>(levels[k * width + n]) * weighted[i * width + n];
      }
    llvm::DenseMap<int64_t, float> growth;
    bool moved = false;
    for (auto &[index, fit] : fits) {
      float change = growth[index] = grow(scales[index], fit.first, fit.second);
      moved |= std::fabs(change) > kStill * std::fabs(scales[index].scale);
    }
    std::vector<float> columns(width);
    for (int64_t n = 0; n < width; ++n)
      columns[n] = growth[site.getScaleIndex(order[inputs.front()], from + n)];
    for (auto [k, i] : llvm::enumerate(inputs))
      for (int64_t n = 0; n < width; ++n)
        error[i * width + n] -= columns[n] * levels[k * width + n];
    for (int64_t j = 0; j < size; ++j)
      for (int64_t n = 0; n < width; ++n)
        pull[j * width + n] -= columns[n] * weighted[j * width + n];
    return moved;
  }

  /// What `scale` has grown by; nothing where that would not help.
  float grow(HostScale &scale, double pulled, double curvature) const {
    if (!(curvature > 0))
      return 0;
    float grown = site.getQuantizer().roundScale(static_cast<float>(scale.scale + pulled / curvature));
    double change = static_cast<double>(grown) - scale.scale;
    if (!site.getQuantizer().isUsable(grown) || !(change * (change * curvature - 2 * pulled) < 0))
      return 0;
    scale.scale = grown;
    return static_cast<float>(change);
  }

  const WeightSite &site;
  ArrayRef<float> weight, metric;
  ArrayRef<int64_t> order;
  MutableArrayRef<Code> codes;
  MutableArrayRef<HostScale> scales;
  int64_t size, from, width;
  std::vector<std::vector<int64_t>> members; ///< Of each group, places in `order`.
  std::vector<float> error, pull;
};

struct COMQPass final : AlgorithmPass<impl::COMQPassBase<COMQPass>> {
  using AlgorithmPass::AlgorithmPass;

  bool needsMoments() const override { return true; }

  LogicalResult improve(WeightSite &site) override {
    if (!(damping > 0) || !std::isfinite(damping) || rounds < 1)
      return site.getOp()->emitOpError() << "comq: damping is " << damping << " and rounds are " << rounds.getValue()
                                         << "; expected positive numbers";
    FailureOr<std::vector<float>> weight = site.readWeight();
    FailureOr<std::vector<HostScale>> scales = site.readScales();
    FailureOr<std::vector<Code>> codes = site.readCodes();
    FailureOr<SecondMoments> moments = readMoments(site);
    if (failed(weight) || failed(scales) || failed(codes) || failed(moments))
      return failure();
    if (centered)
      moments->center();
    double before = measureOutputError(&getContext(), *moments, *weight, site.decode(*codes, *scales));
    SmallVector<int64_t> order = orderByPower(*moments);
    PagedVector<double> damped = dampMoments(*moments, order, damping);
    PagedVector<float> metric(damped.begin(), damped.end());
    int64_t columns = site.getNumOutputs();
    // Outputs that share scales go down together.
    int64_t width = site.getNumScales() == site.getNumGroups() * columns ? std::min(columns, kColumns) : columns;
    auto limit = static_cast<int64_t>(kProducts / (static_cast<double>(order.size()) * static_cast<double>(weight->size())));
    limit = std::min<int64_t>(rounds, std::max<int64_t>(1, limit));
    parallelFor(&getContext(), 0, llvm::divideCeil(columns, width), [&](size_t part) {
      int64_t from = part * width;
      Descent(site, *weight, metric, order, *codes, *scales, from, std::min(width, columns - from)).run(limit, fitScales);
    });
    if (isBetter(site, "output error", before, measureOutputError(&getContext(), *moments, *weight, site.decode(*codes, *scales))))
      site.setCodes(*codes, *scales);
    return success();
  }
};
} // namespace
} // namespace mlir::lowbit
