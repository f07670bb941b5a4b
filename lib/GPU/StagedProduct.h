//===- StagedProduct.h - products whose tiles pass through registers ------===//
//
// The skeleton of schedules for machines without asynchronous copies: a block loads the next tiles of both sides into registers, multiplies
// what is in one of two slots of shared memory, stores the registers into the other slot, and meets at one barrier a step. What multiplies
// is the schedule's.
//
//===----------------------------------------------------------------------===//
#ifndef LOWBIT_LIB_GPU_STAGEDPRODUCT_H
#define LOWBIT_LIB_GPU_STAGEDPRODUCT_H

#include "lowbit/GPU/Epilogue.h"
#include "lowbit/GPU/MatmulSchedule.h"
#include "lowbit/GPU/Swizzle.h"

namespace mlir::lowbit {

/// Elements of a block's tile and of a warp's part of it; bytes of the reduction in a slot.
struct StagedTile {
  int64_t rows, columns, depth, warpRows, warpColumns;

  int64_t getWarps() const { return rows / warpRows * (columns / warpColumns); }
  int64_t getSlotBytes() const { return (rows + columns) * depth; }
};

/// One side's part of a warp in a slot of shared memory.
struct StagedSide {
  Swizzle swizzle;
  Value tile;     ///< `!llvm.ptr<3>`, in the first slot.
  Value slot;     ///< i32, bytes from there to the slot.
  Value firstRow; ///< i32, of the warp, in the tile; a multiple of 8.

  /// Piece `piece` (of 16 bytes, i32) of row `row` (i32) of the warp's. Eight rows further lie eight times `swizzle.rowBytes` further.
  Value getAddress(KernelBuilder &b, Value row, Value piece) const;
};

/// What a warp does with its part of a slot.
class WarpProduct {
public:
  virtual ~WarpProduct();
  /// Where the lane's sums are in the warp's part: the first one (i32), and all of them relative to it.
  virtual std::pair<Value, Value> getOrigin(KernelBuilder &b, Value lane) const = 0;
  virtual SmallVector<TilePlace> getPlaces() const = 0;
  /// Bytes of the reduction that one call of `multiply` takes: a multiple of 16.
  virtual int64_t getStepBytes() const = 0;
  /// What is summed up, at zero: by default an i32 a place.
  virtual SmallVector<Value> createSums(KernelBuilder &b) const;
  /// Adds the products of the bytes from piece `piece` (of 16 bytes) on to the sums; `lane` is i32.
  virtual void multiply(KernelBuilder &b, Value lane, const StagedSide &lhs, const StagedSide &rhs, int64_t piece,
                        MutableArrayRef<Value> sums) const = 0;
  /// An i32 a place, of what was summed up over `bytes` (i32) of the reduction, zeros at its end among them.
  virtual SmallVector<Value> finish(KernelBuilder &b, ArrayRef<Value> sums, Value bytes) const;
};

/// A plan that is determined by a tile and by what multiplies.
class StagedPlan : public MatmulPlan {
public:
  StagedPlan(const MatmulKernel &kernel, const GPUArchitecture &architecture, const StagedTile &tile)
      : kernel(kernel), architecture(architecture), tile(tile) {}

  std::string getName() const override;
  unsigned getThreads() const override;
  unsigned getSharedBytes() const override { return 2 * tile.getSlotBytes(); }
  double estimate() const override;
  void emit(KernelBuilder &b, gpu::GPUFuncOp function) const override;
  Launch buildLaunch(KernelBuilder &b, const MatmulArguments &arguments) const override;

protected:
  /// The name without the tile, such as `dp4a`.
  virtual StringRef getStem() const = 0;
  virtual std::unique_ptr<WarpProduct> createProduct() const = 0;
  /// Multiplications of codes of this kernel that a multiprocessor makes in a cycle.
  virtual double getProductsPerCycle() const = 0;
  /// Cycles in which shared memory gives all warps their parts of a step. By default each warp reads each byte once, 128 in a cycle.
  virtual double getReadCycles() const;

  const MatmulKernel &kernel;
  const GPUArchitecture &architecture;
  StagedTile tile;
};

} // namespace mlir::lowbit

#endif // LOWBIT_LIB_GPU_STAGEDPRODUCT_H
