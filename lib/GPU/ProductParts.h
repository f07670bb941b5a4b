//===- ProductParts.h - what contractions that become products share ------===//
#ifndef LOWBIT_LIB_GPU_PRODUCTPARTS_H
#define LOWBIT_LIB_GPU_PRODUCTPARTS_H

#include "ContractAxes.h"
#include "lowbit/Conversion/ProductEpilogue.h"

namespace mlir::lowbit {

/// Scales of a side that do not change along the reduction, if there are any, and what indexes the side.
using SideScales = std::pair<Value, AffineMap>;

/// Scales, in the order in which reals are multiplied by them. Returns how many.
unsigned appendScales(OpBuilder &builder, Location loc, const ContractAxes &axes, SideScales lhs, SideScales rhs,
                      SmallVectorImpl<Value> &operands);

/// Operands of the contraction's epilogue, in the form of the product's.
void appendEpilogueOperands(OpBuilder &builder, ContractOp op, const ContractAxes &axes, SmallVectorImpl<Value> &operands);

/// What the product writes into: the contraction's own, if it has the shape.
Value formInit(OpBuilder &builder, ContractOp op, const ContractAxes &axes);

/// An empty block that takes the sum, of type `sum`, and an element of each operand; the builder is then at its end.
Block *createEpilogue(RewriterBase &rewriter, Location loc, Region &epilogue, Type sum, ValueRange operands);

/// `value` at the begin of zeros of this shape.
Value buildFilledUp(OpBuilder &builder, Location loc, Value value, ArrayRef<int64_t> shape);

/// What `value` is a transpose of, with `map` as that is read where `map` reads `value`; null where it is no transpose.
Value readThroughTranspose(Value value, AffineMap &map);

} // namespace mlir::lowbit

#endif // LOWBIT_LIB_GPU_PRODUCTPARTS_H
