//===- WarpgroupMma.h - wgmma of bytes from shared memory -----------------===//
//
// Four warps multiply 64 rows of lhs with up to 256 rows of rhs. Both come from shared memory, in rows of 128 bytes along the reduction,
// as tensor maps with a swizzle of 128 bytes leave them: piece p (16 bytes) of row r at p ^ (r % 8), rows from multiples of 1024.
//
//===----------------------------------------------------------------------===//
#ifndef LOWBIT_LIB_GPU_WARPGROUPMMA_H
#define LOWBIT_LIB_GPU_WARPGROUPMMA_H

#include "lowbit/GPU/MatmulKernel.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"

namespace mlir::lowbit {

struct WarpgroupMma {
  MatmulSide lhs, rhs; ///< Both of bytes, or both of bits, which count what is set on both sides, or both of floats.
  int64_t columns;     ///< Of the product: the instruction's N, a multiple of 8 up to 32, of 16 up to 256.

  static constexpr int64_t warps = 4, threads = 128, rows = 64, depthBytes = 32;
  /// Bytes of a row in shared memory, and of the swizzle.
  static constexpr int64_t rowBytes = 128;

  /// The struct of a lane's sums, i32 or f32: those of mma.sync m16n8 in each warp's 16 rows, again every 8 columns.
  Type getSumsType(MLIRContext *context) const;
  int64_t getSumsPerLane() const { return rows * columns / threads; }

  /// i64, of rows that begin at `address` (i32 in shared memory), to which multiples of 16 bytes may be added as `getStep`.
  static Value getDescriptor(KernelBuilder &b, Value address);
  static int64_t getStep(int64_t bytes) { return bytes / 16; }

  /// Starts the product of `bytes` of each row, from the descriptors on; the result may be used after the group that it is committed to was
  /// waited for. Without `accumulate` what is in `sums` does not matter.
  Value emitRow(KernelBuilder &b, Value lhsDescriptor, Value rhsDescriptor, Value sums, bool accumulate, int64_t bytes = rowBytes) const;
};

} // namespace mlir::lowbit

#endif // LOWBIT_LIB_GPU_WARPGROUPMMA_H
