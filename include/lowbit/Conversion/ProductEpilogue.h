//===- ProductEpilogue.h - epilogues of products, written elsewhere --------===//
#ifndef LOWBIT_CONVERSION_PRODUCTEPILOGUE_H
#define LOWBIT_CONVERSION_PRODUCTEPILOGUE_H

#include "mlir/IR/AffineMap.h"
#include "mlir/IR/Builders.h"

namespace mlir::lowbit {

/// What an epilogue (of `lowbit.contract`, `lowbit.matmul` and their like) makes of a sum and of an element of each operand.
Value applyEpilogue(OpBuilder &builder, Region &epilogue, Value sum, ValueRange elements);

/// Where an operand of this shape is read for an element of a result of the same rank: axes of size one are shared.
AffineMap getEpilogueMap(MLIRContext *context, ArrayRef<int64_t> shape);

} // namespace mlir::lowbit

#endif // LOWBIT_CONVERSION_PRODUCTEPILOGUE_H
