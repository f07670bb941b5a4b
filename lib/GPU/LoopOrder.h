//===- LoopOrder.h - the order of reductions that a warp shares -----------===//
#ifndef LOWBIT_LIB_GPU_LOOPORDER_H
#define LOWBIT_LIB_GPU_LOOPORDER_H

#include "RowSteps.h"

namespace mlir::lowbit {

/// How often the body runs for `loops` of these sizes.
int64_t countElements(ArrayRef<int64_t> sizes, ArrayRef<unsigned> loops);

/// The order in which `lowbit-launch-loops` combines elements of an op that is in no row, on a GPU whose lanes can read each other's
/// registers.
SumOrder findLoopOrder(linalg::LinalgOp op);

} // namespace mlir::lowbit

#endif // LOWBIT_LIB_GPU_LOOPORDER_H
