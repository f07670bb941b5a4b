//===- Moments.h - second moments as algorithms use them ------------------===//
#ifndef LOWBIT_LIB_PTQ_MOMENTS_H
#define LOWBIT_LIB_PTQ_MOMENTS_H

#include "lowbit/Calibration/SecondMoments.h"

namespace mlir::lowbit {

/// `H` with rows and columns in `order`, `damping` times the mean of its diagonal added to the diagonal. Inputs that are always zero get
/// a diagonal of one.
std::vector<double> getDamped(const SecondMoments &moments, double damping, llvm::ArrayRef<int64_t> order);

/// `0, 1, …, size - 1`.
std::vector<int64_t> getIdentityOrder(int64_t size);

} // namespace mlir::lowbit

#endif // LOWBIT_LIB_PTQ_MOMENTS_H
