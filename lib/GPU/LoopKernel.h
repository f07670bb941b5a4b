//===- LoopKernel.h - the kernel of an op that is no product ---------------===//
#ifndef LOWBIT_LIB_GPU_LOOPKERNEL_H
#define LOWBIT_LIB_GPU_LOOPKERNEL_H

#include "LoopOrder.h"
#include "lowbit/GPU/KernelBuilder.h"

namespace mlir::lowbit {
struct GPUArchitecture;

/// One op with what its kernel takes: buffers, and values from around it.
struct LoopOp {
  static constexpr int64_t threadsPerBlock = 256, warp = 32;

  linalg::LinalgOp op;
  SmallVector<Value> captured; ///< Not constant; buffers among them.
  SmallVector<int64_t> sizes;
  SmallVector<unsigned> parallel; ///< The last one is the fastest from thread to thread.
  SmallVector<unsigned> reductions;
  SmallVector<Operation *> combiners; ///< Of each result, where a warp shares the reduction; else none.
  int64_t neighbours = 1;             ///< Elements along the last parallel loop that a thread computes; they divide its size.

  /// Null architecture: any GPU whose lanes can read each other's registers.
  static FailureOr<LoopOp> find(linalg::LinalgOp op, const GPUArchitecture *architecture);
  int64_t getElements() const { return countElements(sizes, parallel); }
  int64_t getReduced() const { return countElements(sizes, reductions); }
  bool isShared() const { return !combiners.empty(); }
  int64_t getThreads() const;
};

/// How elements lie that neighbours along a loop read or write at `places` of a buffer.
struct NeighbourAccess {
  std::optional<int64_t> stride; ///< In elements, from one neighbour to the next; none if it differs.
  bool isAligned = false;        ///< Neighbours are one access: `stride` is 1, and the first one's place is a multiple of their number.

  NeighbourAccess(MemRefType type, ArrayRef<AffineExpr> places, unsigned loop, int64_t neighbours);
};

/// Puts the loop along which results are next to one another last, and lets a thread compute as many neighbours as one access holds,
/// while each of `multiprocessors` still has threads.
void chooseNeighbours(LoopOp &loops, int64_t multiprocessors);

/// Writes the body of the kernel. `arguments` are operands and captured values.
void emitLoopKernel(KernelBuilder &b, const LoopOp &loops, ValueRange arguments);

/// A scalar as launches take it: no argument is a float of 8 bits or fewer, but what its bits are.
Value toLoopArgument(KernelBuilder &b, Value scalar);

} // namespace mlir::lowbit

#endif // LOWBIT_LIB_GPU_LOOPKERNEL_H
