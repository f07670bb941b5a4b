//===- RowLane.h - a lane of a kernel over rows, and what it has ----------===//
#ifndef LOWBIT_LIB_GPU_ROWLANE_H
#define LOWBIT_LIB_GPU_ROWLANE_H

#include "RowElements.h"

namespace mlir::lowbit {

/// What a step wrote, of the lane's rows: one value a row, or one a row and column.
struct RowTile {
  SmallVector<Value> values;
  int64_t perRow = 1;
  bool hasColumns = false;

  Value get(int64_t row, int64_t column) const { return values[row * perRow + (hasColumns ? column : 0)]; }
};

/// What all steps of a kernel know.
struct RowLane {
  /// `arguments`: of the kernel.
  RowLane(KernelBuilder &b, const RowKernel &kernel, ValueRange arguments);

  /// Where the lane's columns of a row of `count` are.
  SmallVector<ColumnPiece> getPieces(int64_t count);
  Value getColumn(const ColumnPiece &piece, int64_t i) { return b.add(piece.base, piece.offset + i); }
  /// What a step before wrote; null where none did.
  Value getKnown(Value buffer, int64_t row, int64_t column);

  KernelBuilder &b;
  const RowKernel &kernel;
  RowLayout layout;
  RowElements elements;
  Value lane, share;                   ///< `share`: which of the warps that have the same rows.
  SmallVector<Value> rows, insideRows; ///< Of the lane; rows beyond the end are the last one.
  DenseMap<Value, RowTile> tiles;      ///< Of buffers, by what the lane has of them.
};

} // namespace mlir::lowbit

#endif // LOWBIT_LIB_GPU_ROWLANE_H
