//===- ContractAxes.h - batches, rows and columns of a contraction --------===//
#ifndef LOWBIT_LIB_GPU_CONTRACTAXES_H
#define LOWBIT_LIB_GPU_CONTRACTAXES_H

#include "lowbit/IR/Lowbit.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

namespace mlir::lowbit {

/// The loops of a contraction as those of a product: batches (of both sides, or all of the right side alone), rows (of the left side), one
/// column, one reduction. Axes of one kind are neighbours in the result, in this order, and become one axis each:
/// `[batches, rows, columns]`, without the first where there are none, or one; it is 1 on a left side that has none.
class ContractAxes {
public:
  /// Failure, with the reason, where the contraction has no such form.
  static FailureOr<ContractAxes> find(ContractOp op, std::string &reason);

  int64_t getBatches() const { return getSize(batches); }
  int64_t getRows() const { return getSize(rows); }
  int64_t getColumns() const { return sizes[column]; }
  int64_t getDepth() const { return sizes[depth]; }
  unsigned getDepthLoop() const { return depth; }
  bool hasBatches() const { return getBatches() != 1; }
  /// Whether the left side of the contraction that this one was made of is the right one here: reals are multiplied by its scale first.
  bool hasSwappedSides() const { return areSwapped; }
  /// The shapes of the sides, with a reduction of `depth`, and of the result.
  SmallVector<int64_t> getLhsShape(int64_t depth) const { return getShape(isLhsShared ? 1 : getBatches(), {getRows(), depth}); }
  SmallVector<int64_t> getRhsShape(int64_t depth) const { return getShape(getBatches(), {getColumns(), depth}); }
  SmallVector<int64_t> getResultShape() const { return getShape(getBatches(), {getRows(), getColumns()}); }

  /// Whether a side that `map` indexes lies along its rows (or the column), and not along the reduction.
  bool isTransposed(AffineMap map, bool isLhs) const;
  /// Elements of a side with batches, rows (or the column) and the reduction as their axes; the reduction before the rows where
  /// `isTransposed`.
  Value formSide(OpBuilder &builder, Location loc, Value elements, AffineMap map, bool isLhs, bool isTransposed = false) const;
  /// For each element of that form, in its order, the place in codes of `shape` that `map` indexes.
  std::vector<int64_t> getPlaces(ArrayRef<int64_t> shape, AffineMap map, bool isLhs) const;
  /// An operand of the epilogue that `map` indexes (or a scalar), in the rank of the result, with 1 for what it does not vary along.
  Value formOperand(OpBuilder &builder, Location loc, Value value, AffineMap map) const;

  /// The axes of what `map` indexes, of a side, in the order of its form.
  SmallVector<int64_t> getSideAxes(AffineMap map, bool isLhs) const;

private:
  friend FailureOr<ContractAxes> findOrderedAxes(RewriterBase &rewriter, ContractOp &op, Value &result, std::string &reason);
  int64_t getSize(ArrayRef<unsigned> loops) const;
  SmallVector<int64_t> getShape(int64_t first, ArrayRef<int64_t> last) const;
  /// Loops of a side in the order of its form.
  SmallVector<unsigned> getSideLoops(bool isLhs, bool isTransposed = false) const;

  SmallVector<unsigned> batches, rows;
  unsigned column = 0, depth = 0;
  bool isLhsShared = false; ///< By all batches.
  bool areSwapped = false;
  SmallVector<int64_t> sizes; ///< Of all loops.
};

/// Whether a scale that does not change along the reduction is shared by some but not all codes of an axis, so that it is no operand along
/// rows or columns.
bool sharesScalesInPart(ContractOp op);

/// The axes of `op`, or, where it is no product as it stands, of the same contraction with its sides and the axes of its result in the
/// order of one: that is built, `op` becomes it, and `result` what is then to take the place of the old one, which stays. It means the same
/// only with its scales in the order of the old one (`hasSwappedSides`). Failure with the reason where it is no product in any order.
FailureOr<ContractAxes> findOrderedAxes(RewriterBase &rewriter, ContractOp &op, Value &result, std::string &reason);

/// `value` with its axes in this order.
Value buildTransposed(OpBuilder &builder, Location loc, Value value, ArrayRef<int64_t> order);

/// `value` with another shape of as many elements, in the same order.
Value buildReshaped(OpBuilder &builder, Location loc, Value value, ArrayRef<int64_t> shape);

} // namespace mlir::lowbit

#endif // LOWBIT_LIB_GPU_CONTRACTAXES_H
