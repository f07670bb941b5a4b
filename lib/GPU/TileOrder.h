//===- TileOrder.h - which tile of the result a block computes next -------===//
//
// Blocks take tiles by their numbers: each one, or, where a grid of as many blocks as run at once goes through all of them, block i the
// tiles i, i + blocks, …. Tiles are numbered down bands of eight rows of tiles, so that those computed at the same time are about square
// and share rows of both factors in the L2 cache. Where there are batches, those of one follow those of the one before.
//
//===----------------------------------------------------------------------===//
#ifndef LOWBIT_LIB_GPU_TILEORDER_H
#define LOWBIT_LIB_GPU_TILEORDER_H

#include "lowbit/GPU/MatmulKernel.h"

namespace mlir::lowbit {

class TileOrder {
public:
  /// Tiles of `rows` x `columns` elements of the results.
  TileOrder(KernelBuilder &b, const MatmulArguments &arguments, int64_t rows, int64_t columns);

  /// Of all batches.
  Value getCount(KernelBuilder &b) const;
  /// The batch (i32) that a tile is of; null where there are none.
  Value getBatch(KernelBuilder &b, Value tile) const;
  /// First row and column of a tile, i32.
  std::pair<Value, Value> getOrigin(KernelBuilder &b, Value tile) const;

private:
  static constexpr int64_t bandRows = 8;
  int64_t rows, columns;
  Value tileRows, tileColumns, batches;
};

} // namespace mlir::lowbit

#endif // LOWBIT_LIB_GPU_TILEORDER_H
