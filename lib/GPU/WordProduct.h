//===- WordProduct.h - products by lanes, a word at a time ----------------===//
//
// For what no matrix unit takes. A lane has every fourth row and every eighth column of its warp's part, and multiplies words of 32 bits of
// these. Eight lanes read eight neighbouring rows of the right side, and the same row of the left side, so that no two of them meet in a
// bank.
//
//===----------------------------------------------------------------------===//
#ifndef LOWBIT_LIB_GPU_WORDPRODUCT_H
#define LOWBIT_LIB_GPU_WORDPRODUCT_H

#include "StagedProduct.h"

namespace mlir::lowbit {

class WordProduct : public WarpProduct {
public:
  WordProduct(const MatmulKernel &kernel, const StagedTile &tile, int64_t lanes)
      : kernel(kernel), rowLanes(lanes / columnLanes), numRows(tile.warpRows / rowLanes), numColumns(tile.warpColumns / columnLanes) {}

  std::pair<Value, Value> getOrigin(KernelBuilder &b, Value lane) const override;
  SmallVector<TilePlace> getPlaces() const override;
  int64_t getStepBytes() const override { return Swizzle::pieceBytes; }
  void multiply(KernelBuilder &b, Value lane, const StagedSide &lhs, const StagedSide &rhs, int64_t piece,
                MutableArrayRef<Value> sums) const override;

  static constexpr int64_t columnLanes = 8;

protected:
  /// 32 bits of a side.
  virtual Type getWordType(KernelBuilder &b) const { return b.getI32Type(); }
  /// `sum` with the product of two words added; those of an element come in the order of the reduction.
  virtual Value accumulate(KernelBuilder &b, Value left, Value right, Value sum) const = 0;

  const MatmulKernel &kernel;

private:
  int64_t rowLanes, numRows, numColumns;
};

class WordPlan : public StagedPlan {
public:
  using StagedPlan::StagedPlan;
  bool usesMatrixUnit() const override { return false; }

protected:
  /// Eight lanes read a piece of 16 bytes each in a cycle, whether it is the same one or not.
  double getReadCycles() const override;
};

} // namespace mlir::lowbit

#endif // LOWBIT_LIB_GPU_WORDPRODUCT_H
