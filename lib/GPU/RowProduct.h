//===- RowProduct.h - products of halves whose rows a warp has ------------===//
#ifndef LOWBIT_LIB_GPU_ROWPRODUCT_H
#define LOWBIT_LIB_GPU_ROWPRODUCT_H

#include "RowElements.h"

namespace mlir::lowbit {

/// Right sides in shared memory, and products with them: f16 or bf16 by `mma.sync` m16n8k16, with sums in f32.
class RowProducts {
public:
  RowProducts(KernelBuilder &b, const RowKernel &kernel, RowElements &elements);

  /// Starts the copies of all right sides, one after the other.
  void startCopies();
  /// Waits for the next right side, of all threads.
  void wait();
  /// Registers of the lane's fragments of rows that are in memory, four for each 16 of the reduction.
  SmallVector<Value> loadLeft(const RowStep &step, ArrayRef<Value> rows);
  /// The same of rows that the lane has, as `[row, column]` in the places of accumulators.
  SmallVector<Value> packLeft(ArrayRef<Value> values, int64_t depth);
  /// Adds the product to `sums`, in the places of accumulators.
  void multiply(const RowStep &step, ArrayRef<Value> left, MutableArrayRef<Value> sums);

private:
  void startCopies(const RowStep &step, const SharedSide &side);

  KernelBuilder &b;
  const RowKernel &kernel;
  RowElements &elements;
  Value thread, lane, shared;
  unsigned pending = 0;
};

/// How the right side of a product lies in shared memory, from `offset` on.
SharedSide layOutSide(const RowStep &step, int64_t offset);

} // namespace mlir::lowbit

#endif // LOWBIT_LIB_GPU_ROWPRODUCT_H
