//===- Entropy.cpp - the clip that keeps the distribution -----------------===//
//
// S. Migacz, "8-bit Inference with TensorRT", GTC 2017. For a clip after `n` bins of magnitudes, P is the distribution of these bins with
// all that lies beyond added to the last; Q is what is left when the `n` bins are merged into the format's levels and each level is spread
// evenly over its bins that are not empty. The clip with the least KL(P || Q) wins, the widest of equals. Where only the last bin of P is
// occupied, by what lies beyond, Q counts one value there: otherwise no clip could end in a gap below an outlier.
//
// With c_i the counts of a level, C their sum and k how many are not empty, Q gives each of them C / k, so
//   sum c_i log(c_i / (C / k)) = sum c_i log c_i - C log(C / k)
// needs prefix sums only: a clip costs its levels, not its bins.
//
//===----------------------------------------------------------------------===//

#include "HistogramState.h"
#include <cmath>

namespace mlir::lowbit {

LogicalResult EntropyObserverAttr::verify(function_ref<InFlightDiagnostic()> emitError, unsigned bins) {
  return verifyBins(emitError, bins);
}

namespace {

/// Sums over the first bins of a histogram of magnitudes.
struct PrefixSums {
  explicit PrefixSums(ArrayRef<uint64_t> magnitudes) {
    for (auto [i, count] : llvm::enumerate(magnitudes)) {
      double value = static_cast<double>(count);
      counts.push_back(counts[i] + value);
      entropies.push_back(entropies[i] + (count ? value * std::log(value) : 0));
      occupied.push_back(occupied[i] + (count ? 1 : 0));
    }
  }
  std::vector<double> counts{0}, entropies{0}, occupied{0};
};

class EntropyState final : public HistogramState {
public:
  using HistogramState::HistogramState;

private:
  std::pair<double, double> readRange(NumberFormatAttrInterface format, bool symmetric) const override {
    if (!format)
      return getSeen(symmetric);
    std::vector<uint64_t> magnitudes = histogram.getMagnitudes();
    size_t numBins = magnitudes.size();
    while (numBins > 1 && magnitudes[numBins - 1] == 0)
      --numBins;
    magnitudes.resize(numBins);
    // Magnitudes have half of a signed range's levels.
    bool halved = symmetric || histogram.getRange().smallest < 0;
    size_t levels = size_t(1) << (format.getWidth() - (halved && format.getWidth() > 1 ? 1 : 0));
    double magnitude = histogram.getRange().getMagnitude();
    size_t clip = findClip(magnitudes, levels);
    return cutToSeen(clip == numBins ? magnitude : clip * histogram.getBinWidth(), symmetric);
  }

  /// How many bins to keep.
  static size_t findClip(ArrayRef<uint64_t> magnitudes, size_t levels) {
    PrefixSums sums(magnitudes);
    size_t best = magnitudes.size();
    double least = getDivergence(magnitudes, sums, best, levels);
    for (size_t numKept = magnitudes.size() - 1; numKept >= std::max<size_t>(levels, 1) && numKept > 0; --numKept) {
      double divergence = getDivergence(magnitudes, sums, numKept, levels);
      if (divergence < least) {
        least = divergence;
        best = numKept;
      }
    }
    return best;
  }

  /// KL(P || Q) in nats.
  static double getDivergence(ArrayRef<uint64_t> magnitudes, const PrefixSums &sums, size_t numKept, size_t levels) {
    double total = sums.counts.back(), kept = sums.counts[numKept];
    double beyond = total - kept, last = static_cast<double>(magnitudes[numKept - 1]);
    if (kept == 0)
      return std::numeric_limits<double>::infinity();
    double lastLogLevel = 0, crossEntropy = 0;
    for (size_t level = 0; level < levels; ++level) {
      size_t begin = level * numKept / levels, end = (level + 1) * numKept / levels;
      double inLevel = sums.counts[end] - sums.counts[begin];
      if (inLevel == 0)
        continue;
      lastLogLevel = std::log(inLevel / (sums.occupied[end] - sums.occupied[begin]));
      crossEntropy += inLevel * lastLogLevel;
    }
    double entropy = sums.entropies[numKept];
    if (beyond > 0 && last > 0) {
      // The last level that was seen holds the last bin.
      entropy += (last + beyond) * std::log(last + beyond) - last * std::log(last);
      crossEntropy += beyond * lastLogLevel;
    } else if (beyond > 0) {
      entropy += beyond * std::log(beyond);
      kept += 1;
    }
    return (entropy - crossEntropy) / total - std::log(total) + std::log(kept);
  }
};

} // namespace

std::unique_ptr<ObserverState> EntropyObserverAttr::createState() const { return std::make_unique<EntropyState>(getBins()); }

} // namespace mlir::lowbit
