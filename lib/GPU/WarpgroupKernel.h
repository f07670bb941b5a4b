//===- WarpgroupKernel.h - a product by wgmma, written for one lane -------===//
//
// A persistent block of warpgroups with roles. One thread of the last warpgroup, the producer, copies tiles of both sides to a ring of
// buffers by tensor maps; the other warpgroups, the consumers, multiply 64 rows each and write their part of the result. The producer does
// not wait for that: it runs ahead into the next tile as far as the ring reaches. Consumers share nothing but the ring, so one may still
// multiply while another one writes.
//
// Tensor maps fill what lies outside of the sides with zeros: tails are products with zero, masked where results are stored.
//
//===----------------------------------------------------------------------===//
#ifndef LOWBIT_LIB_GPU_WARPGROUPKERNEL_H
#define LOWBIT_LIB_GPU_WARPGROUPKERNEL_H

#include "BufferRing.h"
#include "StagedEpilogue.h"
#include "WarpgroupMma.h"

namespace mlir::lowbit {

struct WarpgroupTile {
  /// Columns that a tile may have: of floats and of groups a lane has sums twice, those of one stage and those of all; of groups of several
  /// stages three times, and of groups of a part of one it has several scales at a time.
  static int64_t getMostColumns(const MatmulKernel &kernel) {
    return kernel.group != 0 && kernel.group != WarpgroupMma::rowBytes ? 64 : kernel.group != 0 || kernel.hasFloats() ? 128 : 256;
  }

  /// Of the result. With one consumer there may be fewer rows than its 64: the others are neither copied nor stored, and what they are
  /// multiplied to does not matter.
  int64_t rows, columns;
  int64_t consumers; ///< Warpgroups.
  unsigned stages;   ///< Buffers of the ring.

  int64_t getThreads() const { return (consumers + 1) * WarpgroupMma::threads; }
  int64_t getWarps() const { return consumers * WarpgroupMma::warps; }
  /// Bytes of a buffer: rows of lhs that are multiplied, then rows of rhs.
  int64_t getLhsBytes() const { return consumers * WarpgroupMma::rows * WarpgroupMma::rowBytes; }
  int64_t getStageBytes() const { return getLhsBytes() + columns * WarpgroupMma::rowBytes; }
  int64_t getCopiedBytes() const { return (rows + columns) * WarpgroupMma::rowBytes; }
  /// Bytes by which a warp puts its results together. Only where another consumer multiplies meanwhile: alone it would take longer.
  int64_t getStagedBytes(const MatmulKernel &kernel) const { return consumers > 1 ? StagedEpilogue::getBytes(kernel) : 0; }
  /// Shared memory: the ring, then the staging of each warp.
  BufferRing getRing(Value memory = {}) const { return {stages, getStageBytes(), static_cast<unsigned>(getWarps()), memory}; }
  int64_t getSharedBytes(const MatmulKernel &kernel) const { return getRing().getBytes() + getWarps() * getStagedBytes(kernel); }
};

/// Fills the body of `function`, whose last two arguments are tensor maps of lhs, in boxes of the tile's rows, and rhs, of its columns,
/// both by WarpgroupMma::rowBytes.
void emitWarpgroupKernel(KernelBuilder &b, const MatmulKernel &kernel, const WarpgroupTile &tile, gpu::GPUFuncOp function);

} // namespace mlir::lowbit

#endif // LOWBIT_LIB_GPU_WARPGROUPKERNEL_H
