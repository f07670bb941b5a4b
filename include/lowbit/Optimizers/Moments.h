//===- Moments.h - means of gradients, as Adam has them -------------------===//
#ifndef LOWBIT_OPTIMIZERS_MOMENTS_H
#define LOWBIT_OPTIMIZERS_MOMENTS_H

#include "mlir/IR/Builders.h"
#include "mlir/IR/Diagnostics.h"
#include "llvm/ADT/APFloat.h"

namespace mlir::lowbit {

/// What Adam and its kin have in common: both moments of a gradient, corrected for having begun at zero (Kingma and Ba, 2015,
/// arXiv:1412.6980).
struct Moments {
  APFloat beta1, beta2, epsilon, decay;

  LogicalResult verify(function_ref<InFlightDiagnostic()> emitError) const;
  /// 1 / (1 - beta^step) for both moments.
  SmallVector<Value> buildFactors(OpBuilder &builder, Location loc, Value step) const;
  /// `m / (1 - beta1^step) / (sqrt(v / (1 - beta2^step)) + epsilon)`, plus `decay * parameter` if `decays`; then the new `m` and `v`.
  SmallVector<Value> buildUpdate(OpBuilder &builder, Location loc, Value parameter, Value gradient, ValueRange states, ValueRange factors,
                                 bool decays) const;
};

} // namespace mlir::lowbit

#endif // LOWBIT_OPTIMIZERS_MOMENTS_H
