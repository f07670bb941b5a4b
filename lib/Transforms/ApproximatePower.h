//===- ApproximatePower.h - powers of floats ------------------------------===//

#ifndef LOWBIT_TRANSFORMS_APPROXIMATEPOWER_H
#define LOWBIT_TRANSFORMS_APPROXIMATEPOWER_H

#include "mlir/IR/PatternMatch.h"

namespace mlir::lowbit {

/// `math.powf` of f32 and narrower, scalars and vectors, becomes arithmetic.
void populateApproximatePowerPatterns(RewritePatternSet &patterns);

} // namespace mlir::lowbit

#endif // LOWBIT_TRANSFORMS_APPROXIMATEPOWER_H
