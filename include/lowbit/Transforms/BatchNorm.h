//===- BatchNorm.h - what a folded batch norm had measured ----------------===//
#ifndef LOWBIT_TRANSFORMS_BATCHNORM_H
#define LOWBIT_TRANSFORMS_BATCHNORM_H

#include "llvm/ADT/StringRef.h"

namespace mlir::lowbit {

/// On a layer that batch norm was folded into: a dictionary of `mean` and `variance` (arrays of f32, of the layer's sums for each channel,
/// with the folded weight and without bias; the variance with its epsilon), and the axis of channels in the result (`axis`) and in the
/// weight (`weight_axis`). `lowbit-train-batch-norm` reads it; a contraction of codes has none.
constexpr llvm::StringLiteral kBatchNormAttr("lowbit.batch_norm");

} // namespace mlir::lowbit

#endif // LOWBIT_TRANSFORMS_BATCHNORM_H
