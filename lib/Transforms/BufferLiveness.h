//===- BufferLiveness.h - when a buffer holds something -------------------===//
#ifndef LOWBIT_LIB_TRANSFORMS_BUFFERLIVENESS_H
#define LOWBIT_LIB_TRANSFORMS_BUFFERLIVENESS_H

#include "mlir/Dialect/Bufferization/Transforms/BufferViewFlowAnalysis.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Interfaces/FunctionInterfaces.h"

namespace mlir::lowbit {

/// A range of a function's ops, numbered in their order; an op with regions ends after what is in it.
struct LiveRange {
  unsigned begin = ~0u, end = 0;
  bool overlaps(const LiveRange &other) const { return begin < other.end && other.begin < end; }
};

/// Where the buffers that a function allocates are in use, as long as the function is not changed.
class BufferLiveness {
public:
  explicit BufferLiveness(FunctionOpInterface function);

  /// From the first to the last op that may read or write the buffer in any view of it. Failure with a reason when that is not all known,
  /// or when the buffer of one iteration lives on in the next.
  FailureOr<LiveRange> getRange(memref::AllocOp alloc, std::string &reason) const;

  LiveRange getRange(Operation *op) const { return numbers.lookup(op); }

  /// The ops that free the buffer.
  SmallVector<memref::DeallocOp> getDeallocs(memref::AllocOp alloc) const;
  /// What `dealloc` may free: allocations and arguments, as values.
  SmallVector<Value> getOrigins(memref::DeallocOp dealloc) const;

private:
  BufferViewFlowAnalysis views;
  DenseMap<Operation *, LiveRange> numbers;
};

} // namespace mlir::lowbit

#endif // LOWBIT_LIB_TRANSFORMS_BUFFERLIVENESS_H
