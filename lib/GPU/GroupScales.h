//===- GroupScales.h - scales that change along the reduction, in a lane ---===//
#ifndef LOWBIT_LIB_GPU_GROUPSCALES_H
#define LOWBIT_LIB_GPU_GROUPSCALES_H

#include "lowbit/GPU/Fragments.h"
#include "lowbit/GPU/MatmulKernel.h"
#include "llvm/ADT/MapVector.h"

namespace mlir::lowbit {

/// The scales of one group of the reduction that a lane multiplies its dots by, from global memory, which the lanes of a warp read
/// together.
class GroupScales {
public:
  /// `tile`: the lane's accumulators; its sums are not looked at.
  GroupScales(KernelBuilder &b, const MatmulKernel &kernel, const MatmulArguments &arguments, const AccumulatorTile &tile);

  /// Scales of a group, f32.
  struct Loaded {
    llvm::SmallMapVector<int64_t, Value, 8> rows;    ///< By the row of a place in the tile; empty where lhs has none.
    llvm::SmallMapVector<int64_t, Value, 8> columns; ///< By its column; empty where rhs has none.
  };
  /// Those of `group` (i32). Where `mayBeBeyond`, that may be behind the last one, and what is read then changes no real of dots that are
  /// zero.
  Loaded load(Value group, bool mayBeBeyond);
  /// Adds `dots` (i32 or f32) of a group to `reals`, both in the order of places.
  void add(const Loaded &scales, ArrayRef<Value> dots, MutableArrayRef<Value> reals);

private:
  /// `count` neighbours, as f32.
  SmallVector<Value> loadReals(FloatType type, Value pointer, int64_t count);
  Value chooseInside(Value inside, Value scale, double beyond);

  KernelBuilder &b;
  const MatmulKernel &kernel;
  const MatmulArguments &arguments;
  const AccumulatorTile &tile;
  Value groups;                                 ///< i32: how many there are.
  llvm::SmallMapVector<int64_t, Value, 8> rows; ///< Where the scales of a row begin.
};

} // namespace mlir::lowbit

#endif // LOWBIT_LIB_GPU_GROUPSCALES_H
