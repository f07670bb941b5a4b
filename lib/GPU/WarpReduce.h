//===- WarpReduce.h - what lanes of a warp combine ------------------------===//
#ifndef LOWBIT_LIB_GPU_WARPREDUCE_H
#define LOWBIT_LIB_GPU_WARPREDUCE_H

#include "lowbit/GPU/KernelBuilder.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"

namespace mlir::lowbit {

/// Whether the order in which `combiner` joins elements makes no difference to the bits of the result, or need not make one.
bool isOrderFree(Operation *combiner);

/// The op that joins elements to result `result` of a reduction, where that is one op whose order makes no difference; else null.
Operation *findCombiner(linalg::LinalgOp op, unsigned result);

/// `combiner` of `before` and `element`, whichever side it has what was there before (`accumulator`, an operand of it) on.
Value combine(KernelBuilder &b, Operation *combiner, Value accumulator, Value before, Value element);

/// The value of the lane that differs in the bit `distance`.
Value exchangeLanes(KernelBuilder &b, Value value, int64_t distance);

} // namespace mlir::lowbit

#endif // LOWBIT_LIB_GPU_WARPREDUCE_H
