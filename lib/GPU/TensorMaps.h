//===- TensorMaps.h - descriptions of matrices that bulk copies take ------===//
#ifndef LOWBIT_LIB_GPU_TENSORMAPS_H
#define LOWBIT_LIB_GPU_TENSORMAPS_H

#include "lowbit/GPU/KernelBuilder.h"

namespace mlir::lowbit {

/// A row-major matrix of bytes in global memory, or several of them, and the box that one copy brings to shared memory, in swizzled rows of
/// 128 bytes.
struct TensorMap {
  Value address;                       ///< `!llvm.ptr<1>`, at a multiple of 16.
  Value rows, columns, pitch;          ///< i32; the pitch, from row to row, is a multiple of 16.
  int64_t boxRows, boxColumns;         ///< At most 256 rows and 128 columns.
  Value batches = {}, batchPitch = {}; ///< i32: how many matrices, and from one to the next a multiple of 16; null where it is one.

  /// Type and attributes of the kernel's argument: 128 bytes that every thread reads in place.
  static std::pair<Type, DictionaryAttr> getArgument(MLIRContext *context);
  /// On the host: makes the map, `!llvm.ptr`, by a function of the run time, which is declared in the module when it is not yet.
  Value build(KernelBuilder &b) const;
};

/// In a kernel: starts the copy of the box at `row` and `column` (i32) to `target` in shared memory, which counts its bytes, also those
/// outside the matrix, at `barrier`. `batch` (i32) is given if and only if the map has batches.
void copyBox(KernelBuilder &b, Value map, Value target, Value barrier, Value row, Value column, Value batch = {});

} // namespace mlir::lowbit

#endif // LOWBIT_LIB_GPU_TENSORMAPS_H
