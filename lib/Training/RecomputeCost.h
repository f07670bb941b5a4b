//===- RecomputeCost.h - what computing a value once more costs -----------===//
//
// Costs are in 1/16 of the time in which a core moves a byte between its registers and a memory that its caches do not hold. One element's
// addition, in vectors, is half a byte's.
//
//===----------------------------------------------------------------------===//
#ifndef LOWBIT_LIB_TRAINING_RECOMPUTECOST_H
#define LOWBIT_LIB_TRAINING_RECOMPUTECOST_H

#include "mlir/IR/Operation.h"

namespace mlir::lowbit {

constexpr int64_t kBytePrice = 16;

/// Bytes of a tensor of static shape; none for anything else.
std::optional<int64_t> getTensorBytes(Value value);
/// Whether the op gives another shape to what it reads, without a copy.
bool isViewOp(Operation *op);
/// Whether the op is computed element by element, so that it may join what reads it.
bool isElementwiseOp(Operation *op);
/// Whether an elementwise op that `use` reads may join the reader: a contraction would compute it once for each row or column.
bool canJoin(OpOperand &use);
/// The cost of the op's arithmetic; none for what is not to be computed again: contractions, reductions, and what is not known.
std::optional<int64_t> getRecomputeCost(Operation *op);

} // namespace mlir::lowbit

#endif // LOWBIT_LIB_TRAINING_RECOMPUTECOST_H
