//===- VerifyMatmul.h - what products share -------------------------------===//
#ifndef LOWBIT_LIB_IR_VERIFYMATMUL_H
#define LOWBIT_LIB_IR_VERIFYMATMUL_H

#include "lowbit/IR/Lowbit.h"

namespace mlir::lowbit {

/// Whether two sizes, or shapes, may be the same.
bool agree(int64_t a, int64_t b);
bool agree(ArrayRef<int64_t> a, ArrayRef<int64_t> b);

/// (C1) buffers have a contiguous last axis; (C2) operands of the epilogue have the shape of init, or 1; (C4) all are tensors or buffers.
LogicalResult verifyProduct(Operation *op, Value init, ValueRange epilogueOperands);
/// (C3) the epilogue takes `sum` and an element of each operand, and yields one of init.
LogicalResult verifyEpilogue(Operation *op, Region &epilogue, Type sum, ValueRange operands, Value init);

using MemoryEffectList = SmallVectorImpl<SideEffects::EffectInstance<MemoryEffects::Effect>>;
/// Buffers are read, but for init, which is written.
void addBufferEffects(DestinationStyleOpInterface op, MemoryEffectList &effects);

} // namespace mlir::lowbit

#endif // LOWBIT_LIB_IR_VERIFYMATMUL_H
