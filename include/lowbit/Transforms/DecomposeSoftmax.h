//===- DecomposeSoftmax.h - softmax in ops that have bodies ---------------===//

#ifndef LOWBIT_TRANSFORMS_DECOMPOSESOFTMAX_H
#define LOWBIT_TRANSFORMS_DECOMPOSESOFTMAX_H

#include "mlir/IR/Operation.h"

namespace mlir::lowbit {

/// Replaces each `linalg.softmax` inside of `root`; one that cannot be is an error.
LogicalResult decomposeSoftmax(Operation *root);

} // namespace mlir::lowbit

#endif
