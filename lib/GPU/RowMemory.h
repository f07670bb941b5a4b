//===- RowMemory.h - operands of steps that are buffers in memory ---------===//
#ifndef LOWBIT_LIB_GPU_ROWMEMORY_H
#define LOWBIT_LIB_GPU_ROWMEMORY_H

#include "RowLane.h"

namespace mlir::lowbit {

/// The elements of an operand that is a buffer in memory, for the rows and columns that a step has.
class RowMemory {
public:
  RowMemory(RowLane &lane, const RowStep &step, OpOperand &operand);
  /// What a lane has of it in that row and piece: one value, or as many as it has neighbours.
  SmallVector<Value> load(int64_t row, unsigned piece, const ColumnPiece &place, const LoopIndices &indices);
  void store(int64_t row, const ColumnPiece &place, const LoopIndices &indices, ArrayRef<Value> values);

  bool variesByRow, variesByColumn;

private:
  Value getPlace(int64_t row, const ColumnPiece &place, const LoopIndices &indices);
  /// Lanes begin at few places: their addresses are computed once.
  Value getStart(int64_t row, Value column, const LoopIndices &indices);

  RowLane &lane;
  const RowStep &step;
  AffineMap map;
  RowView view;
  int64_t columnStride = 0;
  bool isPlain = true, isAligned = false;
};

} // namespace mlir::lowbit

#endif // LOWBIT_LIB_GPU_ROWMEMORY_H
