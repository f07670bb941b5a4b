//===- MeanSquaredError.cpp - the clip with the least squared error -------===//
//
// Law: the error is that of the format's own codes, rounding, saturation and zero point included; no format is known here.
//
//===----------------------------------------------------------------------===//

#include "HistogramState.h"
#include <cmath>

namespace mlir::lowbit {

LogicalResult MeanSquaredErrorObserverAttr::verify(function_ref<InFlightDiagnostic()> emitError, unsigned bins) {
  return verifyBins(emitError, bins);
}

namespace {

/// Some values that stand for the bins of a histogram, with their counts.
struct WeightedValues {
  SmallVector<double, 0> values, weights;

  explicit WeightedValues(const Histogram &histogram) {
    double width = histogram.getBinWidth();
    ValueRange32 seen = histogram.getRange();
    int64_t half = histogram.getNumBins() / 2;
    for (int64_t i = -half; i < half; ++i) {
      uint64_t count = histogram.getBinCount(i);
      // Two points stand for an even spread: their mean and variance are those of the bin.
      for (double place : {0.5 - std::sqrt(1.0 / 12), 0.5 + std::sqrt(1.0 / 12)})
        if (count) {
          values.push_back(std::clamp<double>((i + place) * width, seen.smallest, seen.largest));
          weights.push_back(count / 2.0);
        }
    }
  }
};

class MeanSquaredErrorState final : public HistogramState {
public:
  using HistogramState::HistogramState;

private:
  std::pair<double, double> readRange(NumberFormatAttrInterface format, bool symmetric) const override {
    if (!format)
      return getSeen(symmetric);
    WeightedValues data(histogram);
    ValueRange32 seen = histogram.getRange();
    if (symmetric) {
      double clip = seen.getMagnitude();
      double ratio = search([&](double ratio) { return getError(data, format, -clip * ratio, clip * ratio, true); });
      return {-clip * ratio, clip * ratio};
    }
    double low = std::min(0.0f, seen.smallest), high = std::max(0.0f, seen.largest);
    double lowRatio = 1, highRatio = 1;
    for (int turn = 0; turn < 2; ++turn) {
      if (high > 0)
        highRatio = search([&](double ratio) { return getError(data, format, low * lowRatio, high * ratio, false); });
      if (low < 0)
        lowRatio = search([&](double ratio) { return getError(data, format, low * ratio, high * highRatio, false); });
    }
    return {low * lowRatio, high * highRatio};
  }

  /// The ratio above 0 and up to 1 with the least error; the largest of equals.
  static double search(llvm::function_ref<double(double)> getError) {
    double best = 1, least = getError(1);
    auto tryRatio = [&](double ratio) {
      double error = getError(ratio);
      if (error < least) {
        least = error;
        best = ratio;
      }
    };
    for (int step = 63; step >= 1; --step)
      tryRatio(step / 64.0);
    double middle = best;
    for (int step = 15; step >= -15; --step)
      if (double ratio = middle + step / 1024.0; ratio > 0 && ratio <= 1)
        tryRatio(ratio);
    return best;
  }

  static double getError(const WeightedValues &data, NumberFormatAttrInterface format, double low, double high, bool symmetric) {
    double smallest = format.getSmallest(), largest = format.getLargest();
    double scale = symmetric ? high / largest : (high - low) / (largest - smallest);
    if (!(scale > 0) || !std::isfinite(scale))
      return 0; // all values are zero
    bool shifted = !symmetric && format.hasZeroPoint();
    double zero = shifted ? std::clamp(std::nearbyint(smallest - low / scale), smallest, largest) : 0;
    double error = 0;
    for (auto [value, weight] : llvm::zip_equal(data.values, data.weights)) {
      uint64_t code = format.encode(value / scale, static_cast<int64_t>(zero));
      double difference = value - (format.decode(code) - zero) * scale;
      error += weight * difference * difference;
    }
    return error;
  }
};

} // namespace

std::unique_ptr<ObserverState> MeanSquaredErrorObserverAttr::createState() const {
  return std::make_unique<MeanSquaredErrorState>(getBins());
}

} // namespace mlir::lowbit
