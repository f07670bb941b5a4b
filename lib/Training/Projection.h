//===- Projection.h - from a student's width to its teacher's -------------===//
#ifndef LOWBIT_LIB_TRAINING_PROJECTION_H
#define LOWBIT_LIB_TRAINING_PROJECTION_H

#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace mlir::lowbit {

/// Whether values of `type` become like those of `target` by a matrix: f32, the same sizes but for the last, at least two axes.
bool canProject(RankedTensorType type, RankedTensorType target);

/// `value` times a matrix, of the type `target`. The matrix is a new parameter of `student`, `projection.NAME`, behind those that it has;
/// the function `initial` of the module, if there is one, gives its first value.
Value buildProjection(OpBuilder &builder, func::FuncOp student, StringRef name, Value value, RankedTensorType target);

} // namespace mlir::lowbit

#endif // LOWBIT_LIB_TRAINING_PROJECTION_H
