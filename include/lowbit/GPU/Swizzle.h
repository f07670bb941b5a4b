//===- Swizzle.h - rows of shared memory without bank conflicts -----------===//
//
// A row of a tile has 32, 64 or 128 bytes, in pieces of 16. Piece `p` of row `r` lies at the place of piece `p ^ f(r)`: eight rows that
// ldmatrix reads together then lie in all 32 banks. It is the same permutation of addresses that tensor maps do (Span32 to Span128), if
// the tile begins at a multiple of 8 rows of 128 bytes.
//
//===----------------------------------------------------------------------===//
#ifndef LOWBIT_GPU_SWIZZLE_H
#define LOWBIT_GPU_SWIZZLE_H

#include "lowbit/GPU/KernelBuilder.h"

namespace mlir::lowbit {

struct Swizzle {
  int64_t rowBytes; ///< 32, 64 or 128.

  static constexpr int64_t pieceBytes = 16;
  int64_t getPieces() const { return rowBytes / pieceBytes; }
  /// Bytes from the tile's begin to piece `piece` (i32) of row `row`.
  Value getOffset(KernelBuilder &b, Value row, Value piece) const;

private:
  /// f(row), i32.
  Value getXor(KernelBuilder &b, Value row) const;
};

} // namespace mlir::lowbit

#endif // LOWBIT_GPU_SWIZZLE_H
