//===- VectorLoops.h - one linalg op on buffers as loops over vectors -----===//
#ifndef LOWBIT_TRANSFORMS_VECTORLOOPS_H
#define LOWBIT_TRANSFORMS_VECTORLOOPS_H

#include "lowbit/Targets/Resolve.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"

namespace mlir::lowbit {

/// A loop around what `body` builds from the index and what is carried; its results. The body is built in place: while upstream's callback
/// runs, a loop has no parent yet, which affine maps ask for.
SmallVector<Value> buildFor(OpBuilder &builder, Location loc, Value begin, Value end, Value step, ValueRange inits,
                            function_ref<SmallVector<Value>(Value, ValueRange)> body);

/// How the iteration space of an op is laid over vector registers.
struct VectorPlan {
  /// The dimension whose neighbours share a vector; unit stride in every operand that uses it.
  unsigned vectorDim = 0;
  /// Whether lanes are partial results of a reduction.
  bool isReduction = false;
  /// Elements of one vector.
  int64_t lanes = 1;
  /// Register tile of a reduction: vectors side by side, and steps of `rowDim` (a parallel dimension) that share them. Where lanes are
  /// partial results, the steps of `rowDim` whose results become one vector.
  int64_t numVectors = 1;
  std::optional<unsigned> rowDim;
  int64_t numRows = 1;
  /// What an output of a reduction starts from, where that is one scalar and not what its buffer holds.
  SmallVector<Value> starts;
};

/// The plan for `op`, or failure with the reason why it stays scalar.
FailureOr<VectorPlan> planVectors(linalg::LinalgOp op, QuantTargetAttrInterface target, std::string &reason);

/// Builds the loops before `op`. The plan must come from `planVectors`.
void buildVectorLoops(RewriterBase &rewriter, linalg::LinalgOp op, const VectorPlan &plan);

/// An index of the body in the lanes of a vector that begins at a multiple of `lanes`: `first` (over the operands of the map), and for each
/// lane a constant more than that.
struct LaneIndices {
  AffineExpr first;
  SmallVector<int64_t> offsets;
};
/// What `apply` is in the lanes along `dim`; failure when the lanes' distances are not the same everywhere.
FailureOr<LaneIndices> getLaneIndices(affine::AffineApplyOp apply, unsigned dim, int64_t lanes);

/// A movement of elements whose neighbours lie along `fromDim` in its operand and along `toDim` in its result: tiles of `rows` steps of
/// `toDim` by `lanes` steps of `fromDim`. Where both sides have a short last dimension in common, its `unit` elements move together.
/// `convert`, where it is not null, makes of each element what moves: one that is no larger.
struct TransposePlan {
  unsigned fromDim, toDim;
  int64_t rows, lanes;
  std::optional<unsigned> unitDim;
  int64_t unit = 1;
  Operation *convert = nullptr;
};
FailureOr<TransposePlan> planTranspose(linalg::LinalgOp op, QuantTargetAttrInterface target);
void buildTransposeLoops(RewriterBase &rewriter, linalg::LinalgOp op, const TransposePlan &plan);

/// A sum of products as the target's dot product has them: lanes along `laneDim`, groups along `depthDim`, of which `lhs` gives one to all
/// lanes. A tile of `numRows` steps of `rowDim`, which share what `rhs` gives, by `numVectors` stays in registers.
struct DotPlan {
  DotProduct dot;
  OpOperand *lhs, *rhs;
  unsigned depthDim, laneDim;
  std::optional<unsigned> rowDim;
  int64_t numRows = 1, numVectors = 1;
};
FailureOr<DotPlan> planDots(linalg::LinalgOp op, QuantTargetAttrInterface target);
/// `start`, if not null, is what sums start from, instead of what their buffer holds.
void buildDotLoops(RewriterBase &rewriter, linalg::LinalgOp op, const DotPlan &plan, Value start);

/// A sum over the last dimension that puts fields (bits, or bytes) side by side in words: `wordsPerStep` words are one register of fields.
struct WordPlan {
  Value field; ///< In the body, before it is shifted to its place.
  int64_t wordsPerStep;
};
FailureOr<WordPlan> planWords(linalg::LinalgOp op, QuantTargetAttrInterface target);
/// `start`, if not null, is what words hold before, instead of what their buffer does.
void buildWordLoops(RewriterBase &rewriter, linalg::LinalgOp op, const WordPlan &plan, Value start);

/// The operation of the body that combines the accumulator of output `i` with something; null when there is no single one.
Operation *getCombiner(linalg::LinalgOp op, unsigned i);
/// Whether lanes may be combined in another order than the loop's.
bool isReorderable(Operation *combiner);
/// Whether neighbours along `dim` are neighbours in memory, or the operand does not depend on `dim`.
bool isUnitStrideOrInvariant(linalg::LinalgOp op, OpOperand &operand, unsigned dim);

} // namespace mlir::lowbit

#endif // LOWBIT_TRANSFORMS_VECTORLOOPS_H
