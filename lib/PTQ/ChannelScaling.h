//===- ChannelScaling.h - factors between activations and weights ---------===//
//
// Law: (x * f) (w / f) == x w, channel by channel. All sites of a group read one activation and share its factors. Factors compose:
// `lowbit.smoothing` of a site is the product of all that its activation was multiplied by.
//
//===----------------------------------------------------------------------===//
#ifndef LOWBIT_LIB_PTQ_CHANNELSCALING_H
#define LOWBIT_LIB_PTQ_CHANNELSCALING_H

#include "lowbit/Calibration/Statistics.h"
#include "lowbit/PTQ/WeightSite.h"

namespace mlir::lowbit {

class AbsorptionPlan;
struct StaticScale;

/// SmoothQuant's factors, what activations are multiplied by: `1 / s` with `s[k] = spread[k]^strength / weightSpread[k]^(1 - strength)`,
/// brought to a geometric mean of one.
std::vector<float> computeSmoothing(ArrayRef<double> spread, ArrayRef<double> weightSpread, double strength);

/// Below this a channel is as good as unused, and its factor would be without bound.
constexpr double kSmallestSpread = 1e-5;

/// `activation` with each index of `axis` multiplied by its factor.
Value buildScaled(OpBuilder &builder, Location loc, Value activation, int64_t axis, ArrayRef<float> factors);

/// The range of each channel of what was recorded of `activation` at `site`; failure after an error at `op` when nothing was, channel by
/// channel.
FailureOr<SmallVector<std::pair<double, double>>> readChannelRanges(const Statistics &statistics, Operation *op, StringRef site,
                                                                    const QuantizableOperand &activation);
/// max |x| in each of them, at least kSmallestSpread.
FailureOr<std::vector<double>> readSpread(const Statistics &statistics, Operation *op, StringRef site,
                                          const QuantizableOperand &activation);

/// Notes at `op` that its activation has been multiplied.
void addFactors(Operation *op, ArrayRef<float> factors);
/// `factors` times those that `op` carries already.
std::vector<float> composeFactors(Operation *op, ArrayRef<float> factors);

/// The channel of each input of a weight: the index along the one axis of the activation that is summed over. Empty where there is none
/// such.
std::vector<int64_t> findInputChannels(Operation *op, const QuantizableOperand &activation, const QuantizableOperand &weight);

/// A site with what scaling needs to know of its activation.
struct ScaledSite {
  WeightSite *site;
  /// Of the activation; its operand is the site's.
  QuantizableOperand activation;
  /// How the activation becomes codes; null when it stays float.
  SchemeAttr scheme;
  /// Whether its scale is a constant from statistics.
  bool isStatic = false;
  /// The channel of each input of the weight.
  std::vector<int64_t> channelOf;
};

/// Sites that read one activation along one axis of channels.
class ChannelGroup {
public:
  /// `sites` by what they read, in the order of the first of each. `refuse` gets those whose activation has no channels to scale, and why.
  static SmallVector<ChannelGroup, 0> collect(MutableArrayRef<WeightSite> sites, function_ref<void(WeightSite &, StringRef)> refuse);

  ArrayRef<ScaledSite> getSites() const { return sites; }
  WeightSite &getFirst() const { return *sites.front().site; }
  int64_t getAxis() const { return sites.front().activation.reducedAxes.front(); }
  int64_t getNumChannels() const { return cast<RankedTensorType>(activation.getType()).getDimSize(getAxis()); }
  /// What all sites read, before it becomes codes.
  Value getActivation() const { return activation; }
  /// Whether nothing else reads it.
  bool isOnlyReader() const;
  /// max |w| in each channel, over all sites.
  FailureOr<std::vector<double>> computeWeightSpread() const;

  /// Multiplies the activation and divides the weights. Where the activation's producer can take the factors, it does (AbsorbScaling.h);
  /// else a multiplication stays. `statistics` may be null where no activation is static.
  LogicalResult scale(ArrayRef<float> factors, const Statistics *statistics);
  /// The same with a plan to which the activation has been added.
  LogicalResult scale(ArrayRef<float> factors, const Statistics *statistics, AbsorptionPlan &plan);

private:
  LogicalResult scaleWeights(ArrayRef<float> factors);
  LogicalResult connectAll(Value scaled, const Statistics *statistics);
  void connect(ScaledSite &site, Value scaled, const StaticScale *fixed);

  Value activation;
  SmallVector<ScaledSite, 0> sites;
};

} // namespace mlir::lowbit

#endif // LOWBIT_LIB_PTQ_CHANNELSCALING_H
