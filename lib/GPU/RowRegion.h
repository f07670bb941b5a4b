//===- RowRegion.h - regions of steps, for all places of a lane -----------===//
#ifndef LOWBIT_LIB_GPU_ROWREGION_H
#define LOWBIT_LIB_GPU_ROWREGION_H

#include "RowMemory.h"

namespace mlir::lowbit {

/// The region of a step, for all places of the lane.
class RowRegion {
public:
  RowRegion(RowLane &lane, const RowStep &step);
  /// What the terminator yields for every row and column: results, then rows, then columns. With `combiners` one value a row instead:
  /// what these make of the lane's columns.
  SmallVector<RowTile> evaluate(const LoopIndices &indices, ArrayRef<Operation *> combiners, ArrayRef<RowTile> sums);
  ArrayRef<ColumnPiece> getPieces() const { return pieces; }

private:
  /// Whether the op's results are not the same for a whole row.
  bool isVarying(Operation &op) const {
    return llvm::any_of(op.getResults(), [&](Value result) { return varying.contains(result); });
  }
  /// What arguments of the region are, of operands that vary along the row or of the others.
  void mapOperands(IRMapping &mapping, bool areVarying, function_ref<Value(OpOperand &)> get);
  /// The elements of one place join what there is of the row; those beyond its end do not.
  void joinElements(ArrayRef<Operation *> combiners, IRMapping &mapping, Value inside, MutableArrayRef<Value> joined);

  RowLane &lane;
  const RowStep &step;
  SmallVector<ColumnPiece> pieces;
  llvm::MapVector<OpOperand *, RowMemory> memory;
  DenseSet<Value> varying;
};

} // namespace mlir::lowbit

#endif // LOWBIT_LIB_GPU_ROWREGION_H
