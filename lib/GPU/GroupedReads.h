//===- GroupedReads.h - what a product with weights of few bits reads -----===//
#ifndef LOWBIT_LIB_GPU_GROUPEDREADS_H
#define LOWBIT_LIB_GPU_GROUPEDREADS_H

#include "GroupedLane.h"

namespace mlir::lowbit {

/// Weights, activations and zero points on their way to a lane.
struct GroupedReads : GroupedLane {
  explicit GroupedReads(const GroupedLane &lane) : GroupedLane(lane) {}

  /// Brings what others may still write into the L2, where it is when it is read: lhs, of which each thread of the grid takes a line, and
  /// the operands of this thread's elements.
  void prefetch();
  /// Starts the copies of a step's weights; there are none beyond the last one.
  void fill(Value slot, Value step);
  /// What a step needs besides its weights: two words of lhs (of f32: four) for each product, by tiles of rows, then zero points (i32) of
  /// each group and tile of columns, two each.
  SmallVector<Value> loadLeft(Value step);
  /// Where that begins.
  Value getLeftStart(Value step);
  /// The words of a load, of all rows, in their places.
  void loadLhs(Value start, int64_t load, MutableArrayRef<Value> loaded);
  SmallVector<Value> loadZeros(Value start);

private:
  /// Where the warp's step of that number begins, in the reduction.
  Value getStart(Value step);
  /// Neighbours of a row of lhs; zeros beyond its end.
  SmallVector<Value> loadWords(Value row, Value first);
};

} // namespace mlir::lowbit

#endif // LOWBIT_LIB_GPU_GROUPEDREADS_H
