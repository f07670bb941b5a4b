//===- GroupedKernel.h - products with packed weights in groups, as kernels ===//
#ifndef LOWBIT_LIB_GPU_GROUPEDKERNEL_H
#define LOWBIT_LIB_GPU_GROUPEDKERNEL_H

#include "lowbit/GPU/MatmulKernel.h"

namespace mlir::lowbit {

/// What a kernel's code depends on. The epilogue of `shared` takes the real; its sides are not looked at.
struct GroupedKernel {
  MatmulKernel shared;
  FloatType element; ///< Of lhs: f16 or bf16.
  FloatType scale;
  int64_t group;
  bool hasZeros; ///< Of i8, one a group; else all are `zero`.
  int64_t zero;
};

/// A warp multiplies 16 rows (8 that are kept, where there are no more) by `8 * columnTiles` columns, a group at a time.
///
/// Decode: a word holds eight codes; of it and its shifts by 4, 8 and 12 the bits of two codes, 16 apart, become the low bits of two floats
/// whose other bits say 1024 (f16) or 128 (bf16), so that one subtraction makes exact numbers of both. The reduction is permuted in the
/// same way on the other side: within a group a sum has no order. Groups have one. So warps put their dots into shared memory, and then one
/// thread an element adds them, group after group.
class GroupedPlan {
public:
  explicit GroupedPlan(const GroupedKernel &kernel);

  std::string getName() const;
  static constexpr int64_t threads = 256, warps = threads / 32;
  /// Groups of a warp between two barriers.
  static constexpr int64_t groupsOfWarp = 2;
  static constexpr int64_t groupsTogether = warps * groupsOfWarp;
  int64_t getColumns() const { return 8 * columnTiles; }
  int64_t getSharedBytes() const { return groupsTogether * rows * getColumns() * 4; }

  /// Arguments: lhs, rhs, scales, zeros where there are, operands, results, then rows, columns, groups (i32).
  SmallVector<Type> getArguments(MLIRContext *context) const;
  void emit(KernelBuilder &b, gpu::GPUFuncOp function) const;

  const GroupedKernel &kernel;
  int64_t rows;        ///< 8 or 16.
  int64_t columnTiles; ///< Of eight columns.
};

} // namespace mlir::lowbit

#endif // LOWBIT_LIB_GPU_GROUPEDKERNEL_H
