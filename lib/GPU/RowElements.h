//===- RowElements.h - elements of buffers that a lane reads and writes ---===//
#ifndef LOWBIT_LIB_GPU_ROWELEMENTS_H
#define LOWBIT_LIB_GPU_ROWELEMENTS_H

#include "RowKernel.h"

namespace mlir::lowbit {

/// Neighbours in a row that a lane has: `layout.vector` columns from `base + offset` on.
struct ColumnPiece {
  Value base;         ///< i32, moved to where all columns are inside.
  int64_t offset = 0; ///< In columns.
  Value inside;       ///< Whether they are columns at all; null: they are.
};

/// Indices of the loops of one op at a lane's place (i32); null where it is none yet.
using LoopIndices = SmallVector<Value>;

/// What bufferized linalg code of a loop over rows becomes in a kernel: views of buffers, indices, elements.
class RowElements {
public:
  RowElements(KernelBuilder &b, scf::ForallOp loop, ArrayRef<Value> values, ValueRange arguments, ValueRange inductions);

  /// What `buffer`, from outside or a part of such a one, is.
  RowView getView(Value buffer);
  /// Whether it is made in the loop: then only registers hold it.
  static bool isLocal(Value buffer) { return buffer.getDefiningOp<memref::AllocOp>() != nullptr; }

  /// Indices of which only those of loops with one pass are set.
  LoopIndices startIndices(const RowStep &step);
  /// Where `map` of the indices leads; those that it reads are set.
  Value getAddress(const RowView &view, AffineMap map, const LoopIndices &indices);
  /// `count` neighbours along the last `stride` axis, by one access where their address allows.
  SmallVector<Value> loadNeighbours(const RowView &view, Value address, int64_t stride, int64_t count, bool isAligned);
  void storeNeighbours(const RowView &view, Value address, int64_t stride, ArrayRef<Value> values, bool isAligned);

  /// Copies an op of a region; what it uses from around is found or made.
  void clone(Operation &op, IRMapping &mapping, const LoopIndices &indices);
  /// A value of a region, of the kernel's arguments, or a constant.
  Value resolve(Value value, IRMapping &mapping);
  /// An index that the loop's body computes, i32; null where it is something else.
  Value getIndex(Value value);

private:
  KernelBuilder &b;
  DenseMap<Value, Value> known; ///< Arguments by what they stand for; inductions as i32.
};

} // namespace mlir::lowbit

#endif // LOWBIT_LIB_GPU_ROWELEMENTS_H
