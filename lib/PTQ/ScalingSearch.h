//===- ScalingSearch.h - factors by what outputs are off ------------------===//
#ifndef LOWBIT_LIB_PTQ_SCALINGSEARCH_H
#define LOWBIT_LIB_PTQ_SCALINGSEARCH_H

#include "ChannelScaling.h"

namespace mlir::lowbit {

using ReadMoments = function_ref<FailureOr<SecondMoments>(WeightSite &)>;

/// Mean and mean square of each channel, where `moments` are of rows whose column `k` is of channel `channelOf[k]`.
struct ChannelMoments {
  ChannelMoments(const SecondMoments &moments, ArrayRef<int64_t> channelOf, int64_t numChannels);
  std::vector<double> mean, square;
};

/// What the outputs of a group are off by, squared and summed over outputs, for a row of calibration: the error of its weights weighted
/// by second moments, and the error of its activations, whose channels are taken as normal and their errors as independent. Static ranges
/// are exceeded as often and as far as by rows like those of calibration.
class ScalingError {
public:
  /// `statistics` are those of the model before any scaling; `readMoments` gives those of what a site reads as it stands.
  static FailureOr<ScalingError> create(const ChannelGroup &group, ReadMoments readMoments, const Statistics &statistics);

  /// Of the model as it stands.
  FailureOr<double> measure() const;
  /// As if the activation were multiplied by `factors`, and weights rounded to nearest; over some of the outputs where `isSampled`.
  FailureOr<double> measure(ArrayRef<float> factors, bool isSampled) const;

private:
  explicit ScalingError(const ChannelGroup &group, const Statistics &statistics) : group(group), statistics(statistics) {}

  FailureOr<std::vector<double>> estimateNoise(const ScaledSite &site, ArrayRef<float> factors) const;
  double estimateClipping(int64_t channel, double factor, double low, double high) const;

  const ChannelGroup &group;
  const Statistics &statistics;
  /// What sites read: channels of one row, or windows of their own.
  struct Rows {
    WindowsAttr windows;
    PagedVector<float> products; ///< `[K, K]`, for a row.
  };
  SmallVector<Rows> rows;
  std::vector<size_t> rowsOf; ///< By site.
  double numRows = 0;
  std::vector<double> mean, deviation; ///< Of channels.
  /// Of channels as recorded, where an activation is static.
  SmallVector<std::pair<double, double>> ranges;
  std::vector<PagedVector<float>> weights; ///< Of all sites, which together may be many layers.
};

struct ScalingChoice {
  /// Of the candidates; none when no candidate is better than the model as it stands.
  std::optional<size_t> candidate;
  double before = 0, after = 0;
};

/// Scales `group` by the candidate with the least error, where that is less than that of the model as it stands.
FailureOr<ScalingChoice> scaleByBest(ChannelGroup &group, ReadMoments readMoments, const Statistics &statistics,
                                     ArrayRef<std::vector<float>> candidates);

} // namespace mlir::lowbit

#endif // LOWBIT_LIB_PTQ_SCALINGSEARCH_H
