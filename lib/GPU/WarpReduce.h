//===- WarpReduce.h - what lanes of a warp combine ------------------------===//
#ifndef LOWBIT_LIB_GPU_WARPREDUCE_H
#define LOWBIT_LIB_GPU_WARPREDUCE_H

#include "lowbit/GPU/KernelBuilder.h"
#include "lowbit/Transforms/SumOrder.h"

namespace mlir::lowbit {

/// What `combiner` (findCombiner) makes of the next element and of `before`, which takes the place of `accumulator`; without it, of the
/// first element. `get` gives the other operands.
Value join(KernelBuilder &b, Operation *combiner, Value accumulator, Value before, llvm::function_ref<Value(Value)> get);

/// The value of the lane that differs in the bit `distance`.
Value exchangeLanes(KernelBuilder &b, Value value, int64_t distance);

} // namespace mlir::lowbit

#endif // LOWBIT_LIB_GPU_WARPREDUCE_H
