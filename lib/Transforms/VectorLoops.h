//===- VectorLoops.h - one linalg op on buffers as loops over vectors -----===//
#ifndef LOWBIT_TRANSFORMS_VECTORLOOPS_H
#define LOWBIT_TRANSFORMS_VECTORLOOPS_H

#include "lowbit/Targets/Resolve.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"

namespace mlir::lowbit {

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
struct TransposePlan {
  unsigned fromDim, toDim;
  int64_t rows, lanes;
  std::optional<unsigned> unitDim;
  int64_t unit = 1;
};
FailureOr<TransposePlan> planTranspose(linalg::LinalgOp op, QuantTargetAttrInterface target);
void buildTransposeLoops(RewriterBase &rewriter, linalg::LinalgOp op, const TransposePlan &plan);

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

} // namespace mlir::lowbit

#endif // LOWBIT_TRANSFORMS_VECTORLOOPS_H
