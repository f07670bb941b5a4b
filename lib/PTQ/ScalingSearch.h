//===- ScalingSearch.h - factors by what outputs are off ------------------===//
#ifndef LOWBIT_LIB_PTQ_SCALINGSEARCH_H
#define LOWBIT_LIB_PTQ_SCALINGSEARCH_H

#include "ChannelScaling.h"

namespace mlir::lowbit {

/// What the outputs of a group are off by, squared and summed over outputs, for a row of calibration: the error of its weights weighted
/// by second moments, and the error of its activations, whose channels are taken as normal and their errors as independent. Static ranges
/// are exceeded as often and as far as by rows like those of calibration.
class ScalingError {
public:
  /// `statistics` are those of the model before any scaling, `moments` those of the activation as it stands.
  static FailureOr<ScalingError> create(const ChannelGroup &group, const SecondMoments &moments, const Statistics &statistics);

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
  PagedVector<float> products; ///< `[K, K]`, for a row.
  double numRows = 0;
  std::vector<double> mean, deviation;
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
FailureOr<ScalingChoice> scaleByBest(ChannelGroup &group, const SecondMoments &moments, const Statistics &statistics,
                                     ArrayRef<std::vector<float>> candidates);

/// Groups of `sites` that read rows of channels, which second moments are kept of. `refuse` gets all others, and why.
SmallVector<ChannelGroup, 0> collectRowGroups(MutableArrayRef<WeightSite> sites, function_ref<void(WeightSite &, StringRef)> refuse);

} // namespace mlir::lowbit

#endif // LOWBIT_LIB_PTQ_SCALINGSEARCH_H
