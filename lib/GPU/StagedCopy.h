//===- StagedCopy.h - tiles from global memory, through registers ---------===//
//
// What a thread copies of one side: pieces of 16 bytes of the reduction, which it loads for the next step while this one is multiplied.
// Rows of a tile hold the reduction, whatever lies next to one another in memory.
//
//===----------------------------------------------------------------------===//
#ifndef LOWBIT_LIB_GPU_STAGEDCOPY_H
#define LOWBIT_LIB_GPU_STAGEDCOPY_H

#include "lowbit/GPU/MatmulKernel.h"
#include "lowbit/GPU/Swizzle.h"

namespace mlir::lowbit {

/// A side and the tile of it that a block copies. Rows beyond the border are read at the border.
struct StagedSource {
  MatmulSide side;
  unsigned alignment;          ///< Of rows in memory, and of their length: bytes, 4 to 16.
  Value pointer;               ///< `!llvm.ptr<1>`.
  Value firstRow, rows, pitch; ///< i32: of the tile, of the side, and bytes from one row in memory to the next.
  Value depth;                 ///< i32, bytes of the reduction.
  TypedAttr fill;              ///< A word for what is beyond the reduction; null: anything may be there.
};

/// Where it goes.
struct StagedTarget {
  Swizzle swizzle;
  Value tile;   ///< `!llvm.ptr<3>`, in the first slot.
  int64_t rows; ///< Of the tile.
};

class StagedCopy {
public:
  virtual ~StagedCopy();
  /// The thread's pieces of the step at `depth` (i32 bytes): vectors of words.
  virtual SmallVector<Value> load(KernelBuilder &b, Value depth) const = 0;
  /// Stores them, `slot` (i32 bytes) from the first slot.
  virtual void store(KernelBuilder &b, Value slot, ArrayRef<Value> pieces) const = 0;

  /// The thread's part of a copy that `threads` threads share; `thread` is i32.
  static std::unique_ptr<StagedCopy> create(KernelBuilder &b, const StagedSource &source, const StagedTarget &target, Value thread,
                                            int64_t threads);
};

} // namespace mlir::lowbit

#endif // LOWBIT_LIB_GPU_STAGEDCOPY_H
