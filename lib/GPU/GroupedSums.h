//===- GroupedSums.h - dots of groups, added in their order ---------------===//
#ifndef LOWBIT_LIB_GPU_GROUPEDSUMS_H
#define LOWBIT_LIB_GPU_GROUPEDSUMS_H

#include "GroupedLane.h"

namespace mlir::lowbit {

/// Dots and scales in shared memory, and the threads that add them up.
struct GroupedSums : GroupedLane {
  explicit GroupedSums(const GroupedLane &lane) : GroupedLane(lane) {}

  /// The i-th run that this thread adds up, of neighbouring rows of a column of the block's tile. Too large a one is none.
  Value getOwnRun(int64_t i) { return b.add(thread, i * plan.getThreads()); }
  int64_t getRunsOfThread() const { return llvm::divideCeil(plan.getElements(), plan.getRun() * plan.getThreads()); }
  bool doAllAdd(int64_t i) const { return (i + 1) * plan.getThreads() <= getRuns(); }
  Value isAdding(int64_t i) { return b.lessThan(getOwnRun(i), b.i32(getRuns())); }
  /// What `compute` gives for each run of this thread; zeros where it has none.
  SmallVector<Value> forOwnRuns(Type type, function_ref<SmallVector<Value>(int64_t)> compute);
  /// The dots, or sums, of number `dot` of a run of this thread.
  SmallVector<Value> loadDots(Type type, Value dot, int64_t run);
  /// `[dot, column, row]`
  void storeDots(Value dot, ArrayRef<Value> sums, bool areReal);
  /// This thread's part of the scales of all groups until the next barrier, which come while weights are multiplied.
  SmallVector<Value> loadScales(Value turn);
  /// Puts them into shared memory.
  void storeScales(ArrayRef<Value> loaded);
  /// Adds the dots of a turn, times their scales, in the order of groups.
  void addUp(Value turn, SmallVector<Value> &reals);

private:
  Value toReal(Value dot);
  int64_t getRuns() const { return plan.getElements() / plan.getRun(); }
  /// Where an element's dots are: columns of 16 rows swap halves, two after two, so that what lanes store together is in different banks.
  Value getPlace(Value element) { return plan.rows == 16 ? b.bitXor(element, b.bitAnd(b.div(element, 4), 8)) : element; }
  Value getDot(Value dot, Value place) { return b.offset(sharedDots, b.mul(b.add(b.mul(dot, plan.getElements()), place), 4)); }
  int64_t getScaleBytes() const { return kernel.getSharedScale().getIntOrFloatBitWidth() / 8; }
  /// What a load brought, as it is in shared memory.
  Value widenScales(Value loaded);
  /// Pieces of 16 bytes of scales in shared memory, of a group and between two barriers.
  int64_t getScalePieces() const { return plan.getColumns() * getScaleBytes() / 16; }
  int64_t getAllScalePieces() const { return getScalePieces() * plan.getDots(); }
};

} // namespace mlir::lowbit

#endif // LOWBIT_LIB_GPU_GROUPEDSUMS_H
