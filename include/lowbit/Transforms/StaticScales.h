//===- StaticScales.h - a scale from statistics ---------------------------===//
#ifndef LOWBIT_TRANSFORMS_STATICSCALES_H
#define LOWBIT_TRANSFORMS_STATICSCALES_H

#include "lowbit/Calibration/Statistics.h"

namespace mlir::lowbit {

/// One scale and zero point for a whole tensor.
struct StaticScale {
  float scale;
  int64_t zero;
};

/// From what was recorded of `operand` at `site`, in the arithmetic of `lowbit.compute_scales`; failure after an error at `op` when nothing
/// was. `factors` are what each channel has been multiplied by since; none where nothing has.
FailureOr<StaticScale> computeStaticScale(const Statistics &statistics, Operation *op, StringRef site, const QuantizableOperand &operand,
                                          SchemeAttr scheme, ArrayRef<float> factors);
/// With the factors that `op` carries.
FailureOr<StaticScale> computeStaticScale(const Statistics &statistics, Operation *op, StringRef site, const QuantizableOperand &operand,
                                          SchemeAttr scheme);

} // namespace mlir::lowbit

#endif // LOWBIT_TRANSFORMS_STATICSCALES_H
