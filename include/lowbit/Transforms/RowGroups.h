//===- RowGroups.h - ops that go through the same rows --------------------===//
#ifndef LOWBIT_TRANSFORMS_ROWGROUPS_H
#define LOWBIT_TRANSFORMS_ROWGROUPS_H

#include "mlir/Dialect/Linalg/IR/Linalg.h"

namespace mlir::lowbit {

/// An op of a group, and which of its loops each row dimension of the group is.
struct RowOp {
  mutable linalg::LinalgOp op; // a handle, whose methods are not const
  SmallVector<unsigned> rowLoops;
};

/// Ops of one block of which each computes a row from the same row of those before it, and from what is no part of the group.
struct RowGroup {
  SmallVector<RowOp> ops; ///< In an order in which they can run.
  SmallVector<int64_t> sizes;
  Operation *position = nullptr; ///< The loop over the rows can stand before this op.

  const RowOp *find(Operation *op) const;
  /// Whether something that is not in the group reads the value.
  bool isReadOutside(Value result) const;
  /// How many rows of the innermost dimension are best taken at once.
  int64_t getRowsAtOnce() const;
};

/// Groups of at least two ops that compute something, over at least so many rows, in the order of the block.
SmallVector<RowGroup> findRowGroups(Block &block, int64_t fewestRows = 2);

/// How the rows of a group are gone through.
struct RowSteps {
  int64_t rows;             ///< Of the innermost dimension, at once.
  bool areParallel = false; ///< `scf.forall`, else `scf.for`.
};

/// Puts loops over the rows of a group before its position and lets everything outside read their results; members stay, unused. Rows that
/// do not divide evenly end in a shorter step.
LogicalResult buildRowLoops(const RowGroup &group, RowSteps steps);

} // namespace mlir::lowbit

#endif // LOWBIT_TRANSFORMS_ROWGROUPS_H
