//===- Tcgen05Kernel.h - a product by tcgen05, written for one lane -------===//
//
// A persistent block of six warps with roles. A thread of the fifth, the producer, copies tiles of both sides to a ring of buffers
// (PersistentTiles). A thread of the sixth multiplies them into tensor memory, where the tensor core goes on by itself: it says to
// mbarriers that a buffer was read, and that a tile's sums are there. Sums have two places, which take turns: while one is multiplied into,
// the other four warps, each for its 32 rows, load the other one, 16 rows at a time, and write their part of the result.
//
// Tensor maps fill what lies outside of the sides with zeros: tails are products with zero, masked where results are stored.
//
//===----------------------------------------------------------------------===//
#ifndef LOWBIT_LIB_GPU_TCGEN05KERNEL_H
#define LOWBIT_LIB_GPU_TCGEN05KERNEL_H

#include "BufferRing.h"
#include "StagedEpilogue.h"
#include "Tcgen05Mma.h"

namespace mlir::lowbit {

struct Tcgen05Tile {
  /// Of the result. There may be fewer rows than the 128 of the instruction: the others are neither copied nor stored, and what they are
  /// multiplied to does not matter. Columns are a power of two.
  int64_t rows, columns;
  unsigned stages; ///< Buffers of the ring.

  static constexpr int64_t storingWarps = 4, threads = 32 * (storingWarps + 2);
  static constexpr unsigned sumPlaces = 2;

  int64_t getLhsBytes() const { return Tcgen05Mma::rows * Tcgen05Mma::rowBytes; }
  int64_t getStageBytes() const { return getLhsBytes() + columns * Tcgen05Mma::rowBytes; }
  int64_t getCopiedBytes() const { return (rows + columns) * Tcgen05Mma::rowBytes; }
  /// Columns of tensor memory.
  int64_t getSumColumns() const { return sumPlaces * columns; }
  /// Shared memory: the ring, barriers of the sums, where tensor memory begins, then the staging of each warp that stores.
  BufferRing getRing(Value memory = {}) const { return {stages, getStageBytes(), 1, memory}; }
  BufferRing getSumsRing(Value memory = {}) const { return {sumPlaces, 0, storingWarps, memory}; }
  int64_t getAddressOffset() const { return getRing().getBytes() + getSumsRing().getBytes(); }
  int64_t getStagingOffset() const { return getAddressOffset() + 16; }
  int64_t getSharedBytes(const MatmulKernel &kernel) const { return getStagingOffset() + storingWarps * StagedEpilogue::getBytes(kernel); }
};

/// Fills the body of `function`, whose last two arguments are tensor maps of lhs, in boxes of the tile's rows, and rhs, of its columns,
/// both by Tcgen05Mma::rowBytes.
void emitTcgen05Kernel(KernelBuilder &b, const MatmulKernel &kernel, const Tcgen05Tile &tile, gpu::GPUFuncOp function);

} // namespace mlir::lowbit

#endif // LOWBIT_LIB_GPU_TCGEN05KERNEL_H
