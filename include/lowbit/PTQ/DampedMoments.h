//===- DampedMoments.h - second moments that can be inverted --------------===//
//
// What algorithms that round one input after the other share: their order, and the factor of the inverse in that order.
//
//===----------------------------------------------------------------------===//
#ifndef LOWBIT_PTQ_DAMPEDMOMENTS_H
#define LOWBIT_PTQ_DAMPEDMOMENTS_H

#include "lowbit/Calibration/SecondMoments.h"
#include "mlir/Support/LLVM.h"
#include <optional>

namespace mlir::lowbit {

/// The inputs, those with the largest activations first.
SmallVector<int64_t> orderByPower(const SecondMoments &moments);

/// `products / rows` with rows and columns in `order`, and `damping` times the mean diagonal added to the diagonal; inputs that are always
/// zero get that alone.
PagedVector<double> dampMoments(const SecondMoments &moments, ArrayRef<int64_t> order, double damping);

/// The output error of a row: `tr(E^T H E) / rows` with `E = weight - reals`, `[K, N]`.
double measureOutputError(MLIRContext *context, const SecondMoments &moments, ArrayRef<float> weight, ArrayRef<float> reals);

/// By how much `reals` lower the mean of each output `[N]`, which a bias makes up for: `sum_k mean(x[k]) (weight[k, n] - reals[k, n])`.
std::vector<float> computeMeanShift(const SecondMoments &moments, ArrayRef<float> weight, ArrayRef<float> reals);

} // namespace mlir::lowbit

#endif // LOWBIT_PTQ_DAMPEDMOMENTS_H
