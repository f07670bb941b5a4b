//===- WindowRuns.h - rows of windows as channels -------------------------===//
#ifndef LOWBIT_LIB_TRANSFORMS_WINDOWRUNS_H
#define LOWBIT_LIB_TRANSFORMS_WINDOWRUNS_H

#include "lowbit/IR/Lowbit.h"

namespace mlir::lowbit {

/// `value` with the axes of each group as one. Constants stay constants.
Value collapseAxes(OpBuilder &builder, Value value, ArrayRef<ReassociationIndices> groups);

/// Where few channels do not fill dot products: the same convolution of an image whose channels are the rows of windows, put together once
/// for all rows of the result that read them, and with weights of zero where they end. Null where that is not worth it.
ContractOp gatherRuns(RewriterBase &rewriter, ContractOp op, QuantTargetAttrInterface target);

} // namespace mlir::lowbit

#endif // LOWBIT_LIB_TRANSFORMS_WINDOWRUNS_H
