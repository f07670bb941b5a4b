//===- TableRule.h - the derivative of a table lookup ---------------------===//
#ifndef LOWBIT_LIB_TRAINING_TABLERULE_H
#define LOWBIT_LIB_TRAINING_TABLERULE_H

#include "lowbit/Training/Gradients.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"

namespace mlir::lowbit {

/// Whether `op` yields elements that its body reads from an active tensor outside, at places that it computes.
bool readsActiveTable(linalg::GenericOp op, const Gradients &gradients);

/// Adds the cotangents of rows to the rows they were read from, one after the other. Failure after an error where no whole rows are read.
LogicalResult buildTableGradient(linalg::GenericOp op, OpBuilder &builder, Gradients &gradients);

} // namespace mlir::lowbit

#endif // LOWBIT_LIB_TRAINING_TABLERULE_H
