//===- Swizzle.cpp - rows of shared memory without bank conflicts ---------===//

#include "lowbit/GPU/Swizzle.h"

namespace mlir::lowbit {

Value Swizzle::getXor(KernelBuilder &b, Value row) const {
  // 128 bytes are all banks: rows that share such a line have different pieces already.
  int64_t rowsPerLine = 128 / rowBytes;
  return b.rem(b.div(row, rowsPerLine), getPieces());
}

Value Swizzle::getOffset(KernelBuilder &b, Value row, Value piece) const {
  return b.add(b.mul(row, rowBytes), b.mul(b.bitXor(piece, getXor(b, row)), pieceBytes));
}

} // namespace mlir::lowbit
