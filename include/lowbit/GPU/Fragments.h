//===- Fragments.h - which element of a tile a lane's register holds ------===//
#ifndef LOWBIT_GPU_FRAGMENTS_H
#define LOWBIT_GPU_FRAGMENTS_H

#include "lowbit/GPU/KernelBuilder.h"

namespace mlir::lowbit {

/// A place in a tile, as (row, column).
struct TilePlace {
  int64_t row, column;
};

/// Accumulators of a lane: element `i` is at the lane's own place (a row and a column computed at run time) plus `places[i]`, constants.
/// Columns that are neighbours are neighbours in the list.
struct AccumulatorTile {
  Value row, column;             ///< i32, in the whole result, of the lane's first element.
  SmallVector<TilePlace> places; ///< One an accumulator.
  SmallVector<Value> sums;       ///< i32 or f32, the same order.
};

/// The 32-bit accumulators of mma.sync m16n8: rows lane / 4 and eight below, columns 2 * (lane % 4) and the next. Of wgmma m64nN the same
/// in each warp's 16 rows, and again every 8 columns.
struct Accumulator16x8 {
  static Value getRow(KernelBuilder &b, Value lane) { return b.div(lane, 4); }
  static Value getColumn(KernelBuilder &b, Value lane) { return b.mul(b.rem(lane, 4), 2); }
  static TilePlace getPlace(int64_t index) { return {8 * (index / 2 % 2), 8 * (index / 4) + index % 2}; }
  static constexpr int64_t size = 4;
};

} // namespace mlir::lowbit

#endif // LOWBIT_GPU_FRAGMENTS_H
