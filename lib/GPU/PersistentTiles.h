//===- PersistentTiles.h - tiles of a block that stays, and their copies --===//
//
// A grid of as many blocks as run at once goes through all tiles of the result: block i computes tiles i, i + blocks, …. One of its threads
// copies rows of both sides, a step of the reduction at a time, to a ring of buffers by tensor maps. It does not wait for results: it runs
// ahead into the next tile as far as the ring reaches.
// The kernel takes a tensor map of either side behind its other arguments.
//
//===----------------------------------------------------------------------===//
#ifndef LOWBIT_LIB_GPU_PERSISTENTTILES_H
#define LOWBIT_LIB_GPU_PERSISTENTTILES_H

#include "BufferRing.h"
#include "TileOrder.h"
#include "lowbit/GPU/MatmulSchedule.h"

namespace mlir::lowbit {

class PersistentTiles {
public:
  /// Types and attributes of both tensor maps, as arguments of the kernel.
  static SmallVector<std::pair<Type, DictionaryAttr>> getMaps(MLIRContext *context);
  /// On the host: as many blocks as there are tiles, or multiprocessors where these are fewer.
  static MatmulPlan::Launch buildLaunch(KernelBuilder &b, const MatmulKernel &kernel, const MatmulArguments &arguments, int64_t rows,
                                        int64_t columns, int64_t stepBytes, int64_t multiprocessors);

  /// Tiles of `rows` x `columns` elements, steps of `stepBytes` of the reduction.
  PersistentTiles(KernelBuilder &b, const MatmulKernel &kernel, const MatmulArguments &arguments, int64_t rows, int64_t columns,
                  int64_t stepBytes);

  /// First row and column of the block's `index`th tile, i32.
  std::pair<Value, Value> getOrigin(KernelBuilder &b, Value index) const;

  /// `arguments` of the batch that the block's `index`th tile is of.
  MatmulArguments getArguments(KernelBuilder &b, const MatmulArguments &arguments, Value index) const;

  /// A buffer of the ring: rows of lhs, then, `lhsBytes` further, those of rhs; and what arrives there.
  struct Buffer {
    Value lhsMap, rhsMap; ///< Of boxes of a tile's rows, and of its columns, by a step.
    int64_t lhsBytes, copiedBytes;
  };
  /// By one thread: fills the buffers for all tiles of the block, in turn.
  void emitCopies(KernelBuilder &b, const BufferRing &ring, const Buffer &buffer) const;

  Value count, steps; ///< i32: tiles of the block, and steps of each.

private:
  /// The number of the block's `index`th tile.
  Value getTile(KernelBuilder &b, Value index) const { return b.add(block, b.mul(index, blocks)); }

  const MatmulKernel &kernel;
  TileOrder order;
  int64_t stepBytes;
  Value block, blocks;
};

} // namespace mlir::lowbit

#endif // LOWBIT_LIB_GPU_PERSISTENTTILES_H
