//===- AccumulatorBound.h - how large sums of products can get ------------===//
//
// One proof for everyone: the reference and every fast path take the width of their accumulators from here.
//
//===----------------------------------------------------------------------===//
#ifndef LOWBIT_ANALYSIS_ACCUMULATORBOUND_H
#define LOWBIT_ANALYSIS_ACCUMULATORBOUND_H

#include "lowbit/IR/Lowbit.h"

namespace mlir::lowbit {

/// The integers from `smallest` to `largest`, both included.
struct IntegerInterval {
  int64_t smallest, largest;
};

/// The integers that codes of an integer format stand for, whether or not encoding makes them.
IntegerInterval getCodeInterval(NumberFormatAttrInterface format);
/// `code - zero`. `zeros` may be null; constant zero points are read, others may be anything their type holds.
IntegerInterval getShiftedInterval(NumberFormatAttrInterface format, Value zeros);
/// Where all partial sums of `length` (or kDynamic) products lie; none when that is not within i64.
std::optional<IntegerInterval> getDotInterval(IntegerInterval lhs, IntegerInterval rhs, int64_t length);

/// For every loop of `op`, the number of neighbours along a reduction that share all scales; 0 where they all do, and for parallel loops.
SmallVector<int64_t> getReductionBlocks(ContractOp op);
enum class ContractOperand { Lhs, Rhs };
/// Whether the scales of a side change along some reduction, so that they multiply dots of blocks and not the whole sum.
bool changesAlongReductions(ContractOp op, ContractOperand side);
/// The number of products that one exact dot of `op` sums, or kDynamic.
int64_t getDotLength(ContractOp op);
/// 32 or 64, whichever is proved enough for the dots of `op` (of integer formats); failure when neither is.
FailureOr<unsigned> getAccumulatorWidth(ContractOp op);

} // namespace mlir::lowbit

#endif // LOWBIT_ANALYSIS_ACCUMULATORBOUND_H
