//===- DotProductPattern.h - what a target's dot product is made of -------===//
#ifndef LOWBIT_TARGETS_DOTPRODUCTPATTERN_H
#define LOWBIT_TARGETS_DOTPRODUCTPATTERN_H

#include "lowbit/Interfaces/AttrInterfaces.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

namespace mlir::lowbit {

/// A `vector.contract` of the native shape, its operands flat.
struct NativeDot {
  Value lhs;         ///< vector<depth x i(lhsWidth)>
  Value rhs;         ///< vector<(lanes * depth) x i8>, neighbours along the reduction next to one another
  Value accumulator; ///< vector<lanes x i32>
  bool lhsSigned;
  bool rhsSigned;
};

/// Rewrites contractions of codes extended to i32 whose shape is `dot`; a target says what one becomes.
struct DotProductPattern : OpRewritePattern<vector::ContractionOp> {
  DotProductPattern(MLIRContext *context, DotProduct dot, PatternBenefit benefit = 2) : OpRewritePattern(context, benefit), dot(dot) {}
  LogicalResult matchAndRewrite(vector::ContractionOp op, PatternRewriter &rewriter) const final;

protected:
  /// Builds the new accumulator, of the old one's type, or null when the signs do not fit.
  virtual Value buildDot(OpBuilder &builder, Location loc, const NativeDot &operands) const = 0;
  DotProduct dot;
};

/// The elements of `group` as one integer, in each of `lanes` lanes, and these again as elements.
Value buildBroadcastGroup(OpBuilder &builder, Location loc, Value group, int64_t lanes);

/// Names of intrinsics `sum = f(sum, a, b)` with `a` unsigned where signs differ; empty where the machine has none.
struct DotIntrinsics {
  StringRef bothSigned, bothUnsigned, unsignedBySigned;
};
void populateDotIntrinsicPatterns(RewritePatternSet &patterns, DotProduct dot, DotIntrinsics intrinsics);

/// Extends, multiplies and adds lane by lane: for targets without an instruction.
void populatePortableDotProductPatterns(RewritePatternSet &patterns, DotProduct dot);

} // namespace mlir::lowbit

#endif // LOWBIT_TARGETS_DOTPRODUCTPATTERN_H
