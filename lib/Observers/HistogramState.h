//===- HistogramState.h - a state that is a histogram ---------------------===//
//
// What the percentile, entropy and squared-error observers share: they differ in how they read a range from it.
//
//===----------------------------------------------------------------------===//
#ifndef LOWBIT_LIB_OBSERVERS_HISTOGRAMSTATE_H
#define LOWBIT_LIB_OBSERVERS_HISTOGRAMSTATE_H

#include "lowbit/IR/Lowbit.h"
#include "lowbit/Observers/Histogram.h"

namespace mlir::lowbit {

class HistogramState : public ObserverState {
public:
  explicit HistogramState(unsigned numBins) : histogram(numBins) {}

  void observe(ArrayRef<float> values) final { histogram.observe(values); }
  llvm::Error merge(const ObserverState &other) final { return histogram.merge(static_cast<const HistogramState &>(other).histogram); }
  std::pair<double, double> getRange(NumberFormatAttrInterface format, bool symmetric) const final {
    return histogram.isEmpty() ? std::pair<double, double>(0, 0) : readRange(format, symmetric);
  }
  llvm::json::Value toJSON() const final { return histogram.toJSON(); }
  llvm::Error fromJSON(const llvm::json::Value &value) final { return histogram.fromJSON(value); }
  size_t getNumBytes() const final { return histogram.getNumBytes(); }

protected:
  /// The range, from a histogram that is not empty.
  virtual std::pair<double, double> readRange(NumberFormatAttrInterface format, bool symmetric) const = 0;

  /// All values seen, where there is no format whose codes a clip could be weighed by.
  std::pair<double, double> getSeen(bool symmetric) const {
    ValueRange32 seen = histogram.getRange();
    if (symmetric)
      return {-seen.getMagnitude(), seen.getMagnitude()};
    return {seen.smallest, seen.largest};
  }

  /// [-clip, clip], cut to the values seen unless it has to be symmetric.
  std::pair<double, double> cutToSeen(double clip, bool symmetric) const {
    ValueRange32 seen = histogram.getRange();
    if (symmetric)
      return {-clip, clip};
    return {std::clamp<double>(seen.smallest, -clip, clip), std::clamp<double>(seen.largest, -clip, clip)};
  }

  Histogram histogram;
};

/// Checks the `bins` of an observer.
LogicalResult verifyBins(function_ref<InFlightDiagnostic()> emitError, unsigned bins);

} // namespace mlir::lowbit

#endif // LOWBIT_LIB_OBSERVERS_HISTOGRAMSTATE_H
