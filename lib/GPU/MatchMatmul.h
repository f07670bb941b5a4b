//===- MatchMatmul.h - what a kernel needs to know of a product -----------===//
#ifndef LOWBIT_LIB_GPU_MATCHMATMUL_H
#define LOWBIT_LIB_GPU_MATCHMATMUL_H

#include "lowbit/GPU/MatmulKernel.h"
#include "lowbit/IR/Lowbit.h"

namespace mlir::lowbit {

/// What is to be computed by a product on buffers, or failure after an error.
FailureOr<MatmulKernel> matchMatmul(MatmulOp op);
/// Fills in results, operands, epilogue, and what is known of batches, rows and columns; failure after an error.
LogicalResult matchEpilogue(Operation *op, Value init, ValueRange operands, Region &epilogue, MatmulKernel &kernel);

/// The largest power of two, up to `most`, that divides `value`; 1 where it is not known.
unsigned getAlignment(int64_t value, unsigned most);
/// A size, 0 where it is dynamic.
int64_t getKnown(int64_t size);
int64_t getElementBytes(MemRefType type);

} // namespace mlir::lowbit

#endif // LOWBIT_LIB_GPU_MATCHMATMUL_H
