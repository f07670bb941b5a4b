//===- LoneRows.h - ops without rows become ops on one row ----------------===//
#ifndef LOWBIT_LIB_GPU_LONEROWS_H
#define LOWBIT_LIB_GPU_LONEROWS_H

#include "mlir/Dialect/Linalg/IR/Linalg.h"

namespace mlir::lowbit {

/// Gives ops of the block that read one another, are in no group of rows, and have results of one axis or none, a first axis of size one:
/// the mean over the tokens of a single sentence and its norm are then what they are of several sentences, and one kernel. Ops that combine
/// so much that one block would take long are left.
void giveLoneOpsRows(Block &block);

} // namespace mlir::lowbit

#endif // LOWBIT_LIB_GPU_LONEROWS_H
