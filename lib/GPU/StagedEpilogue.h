//===- StagedEpilogue.h - results leave a warp in whole lines -------------===//
//
// In a fragment a lane has two neighbours of a row, and a warp's store of them touches eight rows: pieces of 2 to 8 bytes. So a warp puts
// its 16 rows into shared memory first, 128 bytes of each at a time, and stores them from there in pieces of 16 bytes, next to one another.
//
//===----------------------------------------------------------------------===//
#ifndef LOWBIT_LIB_GPU_STAGEDEPILOGUE_H
#define LOWBIT_LIB_GPU_STAGEDEPILOGUE_H

#include "lowbit/GPU/Epilogue.h"

namespace mlir::lowbit {

/// A warp's m16nN accumulators, and where they belong.
struct WarpResult {
  Value row, column;    ///< i32, in the whole result, of the warp's first element.
  Value rows;           ///< i32: rows from there on are another's, or outside.
  ArrayRef<Value> sums; ///< As Accumulator16x8 has them.
};

class StagedEpilogue {
public:
  /// Whether the result is one, in pieces of 16 bytes that lie inside or outside as a whole.
  static bool isPossible(const MatmulKernel &kernel);
  /// Shared memory of a warp; 0 where it is not possible.
  static int64_t getBytes(const MatmulKernel &kernel);

  /// `memory` (`!llvm.ptr<3>`) is the warp's, at a multiple of 16; null where it is not possible: then stores are the epilogue's own.
  StagedEpilogue(KernelBuilder &b, const MatmulKernel &kernel, const MatmulArguments &arguments, Value memory, Value lane);

  void emit(const WarpResult &result);

private:
  void emitSums(const WarpResult &result, int64_t first, int64_t columns, ResultWriter write);
  void copyOut(const WarpResult &result, int64_t first, int64_t columns);

  KernelBuilder &b;
  const MatmulKernel &kernel;
  const MatmulArguments &arguments;
  Value memory, lane;
};

} // namespace mlir::lowbit

#endif // LOWBIT_LIB_GPU_STAGEDEPILOGUE_H
