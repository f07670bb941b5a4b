//===- StaticRanges.h - scales of activations from statistics -------------===//
#ifndef LOWBIT_LIB_TRANSFORMS_STATICRANGES_H
#define LOWBIT_LIB_TRANSFORMS_STATICRANGES_H

#include "lowbit/Calibration/Statistics.h"
#include "lowbit/Recipes/Recipe.h"

namespace mlir::lowbit {

/// Ranges of one recorded activation: one for the tensor, or one for each channel, each divided by the channel's divisor.
using Ranges = SmallVector<std::pair<double, double>>;

/// The statistics of `operand` at `site`, or failure after an error: none, of another shape, of another observer, or of no values.
FailureOr<const SiteStatistics *> findStatistics(const Statistics &statistics, const SchemeRecipe &recipe, StringRef site,
                                                 const QuantizableOperand &operand, Location loc);

/// Sets `scale` (f32) and, where the scheme has zero points, `zero`, for values that lie in `ranges`.
void setStaticScale(SchemeAttr scheme, ArrayRef<std::pair<double, double>> ranges, NamedAttrList &entries);

/// SmoothQuant's divisors (Xiao et al., 2023, arXiv:2211.10438): dividing channel k of the activation by d_k and multiplying row k of
/// the weights by it changes nothing but the spread. d_k = max|x_k|^strength / max|w_k|^(1 - strength), with a geometric mean of one.
SmallVector<float> getSmoothDivisors(ArrayRef<std::pair<double, double>> channels, ArrayRef<double> weights, double strength);

/// Adds max |w| along `axis` of the constant `weight` to `largest`; failure after an error at `op`.
LogicalResult accumulateLargest(Operation *op, Value weight, int64_t axis, SmallVectorImpl<double> &largest);

} // namespace mlir::lowbit

#endif // LOWBIT_LIB_TRANSFORMS_STATICRANGES_H
