//===- Moves.h - dequantize below ops that move elements ------------------===//
#ifndef LOWBIT_LIB_EXTERNALMODELS_MOVES_H
#define LOWBIT_LIB_EXTERNALMODELS_MOVES_H

#include "lowbit/IR/Lowbit.h"

namespace mlir::lowbit {

/// Builds the moved form of a tensor: of codes, scales or zero points alike.
using MoveFn = function_ref<Value(OpBuilder &, Value, bool isScale)>;

/// dequantize(move(codes), move(scales), move(zeros)) of the type of `result`; `block` is the scheme's after the move, ignored where one
/// scale serves the whole tensor (scales are not moved then).
Value buildMovedDequantize(RewriterBase &rewriter, DequantizeOp dequantize, Value result, ArrayRef<int64_t> block, MoveFn move);

} // namespace mlir::lowbit

#endif // LOWBIT_LIB_EXTERNALMODELS_MOVES_H
