//===- RowSteps.h - ops that a kernel computes row by row -----------------===//
#ifndef LOWBIT_LIB_GPU_ROWSTEPS_H
#define LOWBIT_LIB_GPU_ROWSTEPS_H

#include "lowbit/Targets/GPUArchitecture.h"
#include "lowbit/Transforms/SumOrder.h"

namespace mlir::lowbit {

/// The loop of a member that runs along the rows of its tile.
inline constexpr llvm::StringLiteral rowAttrName = "lowbit.row";

enum class RowStepKind {
  Map,    ///< An element of the result for each row and column, or each row; other reductions run one after the other.
  Reduce, ///< The columns of a row combined.
  Product ///< Rows by columns of another matrix, on tensor cores.
};

/// One op of a kernel: what its loops are. Loops not named here have one pass.
struct RowStep {
  mutable linalg::LinalgOp op; // a handle, whose methods are not const
  RowStepKind kind = RowStepKind::Map;
  unsigned row = 0;
  std::optional<unsigned> column;           ///< Along a row; of Reduce, what is combined.
  SmallVector<unsigned> serial;             ///< Reductions of a Map; the depth of a Product.
  SmallVector<int64_t> sizes;               ///< Of all loops.
  SmallVector<Operation *> combiners;       ///< Of Reduce, and of a Map whose reductions may be split, one a result.
  OpOperand *lhs = nullptr, *rhs = nullptr; ///< Of Product.

  /// Whether warps can share what it runs through one after the other, and it is long enough for that.
  bool isShareable() const;
  /// Bytes of an element that warps hand to one another then.
  int64_t getPartBytes() const;
  int64_t getColumns() const { return column ? sizes[*column] : 1; }
  /// Whether the operand's element depends on the loop.
  bool varies(OpOperand &operand, std::optional<unsigned> loop) const {
    return loop && op.getMatchingIndexingMap(&operand).isFunctionOfDim(*loop);
  }
  /// Arguments and results in the region that are not the same for a whole row.
  DenseSet<Value> findVarying() const;
};

/// What the op is, where `rowLoops` are those of its group, the last one along a tile's rows; or failure with the reason.
FailureOr<RowStep> findRowStep(linalg::LinalgOp op, ArrayRef<unsigned> rowLoops, std::string &obstacle);

/// Whether a lane can compute what the map says: no division by an unknown, and none of what may be negative.
bool canEvaluate(AffineMap map);
/// Whether a lane can read all that the op does, or failure with the reason: elements of known places in memory, by indices that it knows.
LogicalResult checkReads(linalg::LinalgOp op, std::string &obstacle);
/// Whether nothing reads a value before it is there: not, by indices of its own, what a step writes, and no buffer that none has written.
LogicalResult checkReads(ArrayRef<RowStep> steps, std::string &obstacle);

/// How a warp's lanes hold the rows of its tile.
struct RowLayout {
  bool areFragments;  ///< 16 rows, as accumulators of m16n8; else one row.
  int64_t vector;     ///< Neighbours in a row that a lane has together.
  int64_t shares = 1; ///< Warps that have a block's only row, and share what runs one after the other.

  /// Rows of a warp, and those that one lane has elements of.
  int64_t getWarpRows() const { return areFragments ? 16 : 1; }
  int64_t getLaneRows() const { return areFragments ? 2 : 1; }
  /// Lanes that share a row.
  int64_t getLanes() const { return areFragments ? 4 : 32; }
  /// Elements of a row of `columns` that a lane has, those beyond the end among them.
  int64_t getLaneColumns(int64_t columns) const { return llvm::divideCeil(columns, getLanes() * vector) * vector; }
};

/// The order in which the lanes of a kernel combine elements of the step.
SumOrder findSumOrder(const RowStep &step, const RowLayout &layout);

/// The layout for all steps, or failure with why no kernel can keep in registers what they hand on.
FailureOr<RowLayout> findRowLayout(ArrayRef<RowStep> steps, const GPUArchitecture &architecture, std::string &obstacle);

} // namespace mlir::lowbit

#endif // LOWBIT_LIB_GPU_ROWSTEPS_H
