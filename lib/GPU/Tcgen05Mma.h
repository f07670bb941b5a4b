//===- Tcgen05Mma.h - tcgen05.mma of bytes, and loads of its sums ---------===//
//
// One thread multiplies 128 rows of lhs with up to 256 rows of rhs. Both come from shared memory, in rows of 128 bytes along the reduction,
// as tensor maps with a swizzle of 128 bytes leave them, from multiples of 1024. Sums are in tensor memory: element (m, n) in lane m,
// column n. A warp reads 32 lanes of it, by its number modulo 4.
//
//===----------------------------------------------------------------------===//
#ifndef LOWBIT_LIB_GPU_TCGEN05MMA_H
#define LOWBIT_LIB_GPU_TCGEN05MMA_H

#include "lowbit/GPU/MatmulKernel.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"

namespace mlir::lowbit {

struct Tcgen05Mma {
  MatmulSide lhs, rhs; ///< Of bytes.
  int64_t columns;     ///< Of the product: the instruction's N, a multiple of 16 up to 256.

  static constexpr int64_t rows = 128, depthBytes = 32;
  /// Bytes of a row in shared memory, and of the swizzle.
  static constexpr int64_t rowBytes = 128;
  /// Rows that one load brings to a warp, and the most columns: as many sums as a lane has registers for.
  static constexpr int64_t loadRows = 16, loadColumns = 128;

  /// i64, of rows that begin at `address` (i32 in shared memory), to which multiples of 16 bytes may be added as `getStep`.
  static Value getDescriptor(KernelBuilder &b, Value address);
  static int64_t getStep(int64_t bytes) { return bytes / 16; }

  /// An address of tensor memory (i32) as a pointer.
  static Value getPointer(KernelBuilder &b, Value address);

  /// Starts the product of rowBytes of each row into `sums` (i32, an address of tensor memory), which begin at zero unless `accumulate`
  /// (i1).
  void emitRow(KernelBuilder &b, Value sums, Value lhsDescriptor, Value rhsDescriptor, Value accumulate) const;

  /// Loads sums of 16 rows at `address` (i32), by all lanes of a warp, and waits for them; as Accumulator16x8 has them.
  static SmallVector<Value> emitLoad(KernelBuilder &b, Value address, int64_t columns);
};

} // namespace mlir::lowbit

#endif // LOWBIT_LIB_GPU_TCGEN05MMA_H
