//===- DotProductPattern.h - what a target's dot product is made of -------===//
#ifndef LOWBIT_TARGETS_DOTPRODUCTPATTERN_H
#define LOWBIT_TARGETS_DOTPRODUCTPATTERN_H

#include "lowbit/IR/Lowbit.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

namespace mlir::lowbit {

/// A `vector.contract` of the native shape, its operands flat.
struct NativeDot {
  Value lhs;         ///< vector<depth x i(lhsWidth)>, or of bf16
  Value rhs;         ///< vector<(lanes * depth) x i8>, or of bf16, neighbours along the reduction next to one another
  Value accumulator; ///< vector<lanes x i32>, or of f32
  bool lhsSigned = true;
  bool rhsSigned = true;
};

/// Rewrites contractions of codes extended to i32, or of bf16 extended to f32, whose shape is `dot`; a target says what one becomes.
struct DotProductPattern : OpRewritePattern<vector::ContractionOp> {
  DotProductPattern(MLIRContext *context, DotProduct dot, PatternBenefit benefit = 2, bool isFloat = false)
      : OpRewritePattern(context, benefit), dot(dot), isFloat(isFloat) {}
  LogicalResult matchAndRewrite(vector::ContractionOp op, PatternRewriter &rewriter) const final;

protected:
  /// Builds the new accumulator, of the old one's type, or null when the signs do not fit.
  virtual Value buildDot(OpBuilder &builder, Location loc, const NativeDot &operands) const = 0;
  DotProduct dot;
  bool isFloat;
};

/// `vector` in one row. What decodes codes, element by element, becomes flat as well: LLVM would take it apart row by row.
Value buildFlat(OpBuilder &builder, Location loc, Value vector);

/// What `op` decodes, by the arithmetic of its format.
Value buildDecodeArithmetic(OpBuilder &builder, DecodeOp op);
/// `lowbit.decode` as a lookup where the target has one, else as arithmetic.
void populateLowerDecodePatterns(RewritePatternSet &patterns, QuantTargetAttrInterface target);

/// Names of intrinsics `elements = f(table, indices)` on whole registers, which look at the low bits of an index alone; empty where there
/// are none.
struct PermuteIntrinsics {
  StringRef words, halves;
};
/// QuantTargetAttrInterface::buildTableLookup by such an intrinsic.
Value buildPermutedLookup(OpBuilder &builder, Location loc, DenseFPElementsAttr table, Value indices, int64_t vectorBits,
                          PermuteIntrinsics intrinsics);

/// The elements of `group` as one integer, in each of `lanes` lanes, and these again as elements.
Value buildBroadcastGroup(OpBuilder &builder, Location loc, Value group, int64_t lanes);

/// Names of intrinsics `sum = f(sum, a, b)` with `a` unsigned where signs differ; empty where the machine has none.
struct DotIntrinsics {
  StringRef bothSigned, bothUnsigned, unsignedBySigned;
};
void populateDotIntrinsicPatterns(RewritePatternSet &patterns, DotProduct dot, DotIntrinsics intrinsics);

/// The intrinsic `sum = f(sum, a, b)` of `dot`, which multiplies pairs of bf16.
void populateBFloat16DotPattern(RewritePatternSet &patterns, DotProduct dot, StringRef intrinsic);

/// `lowbit.lookup` on registers of 64 bytes: the byte shuffles of AVX512-VBMI, which read one register or two.
void populateByteShufflePatterns(RewritePatternSet &patterns);

/// Extends, multiplies and adds lane by lane: for targets without an instruction.
void populatePortableDotProductPatterns(RewritePatternSet &patterns, DotProduct dot);

} // namespace mlir::lowbit

#endif // LOWBIT_TARGETS_DOTPRODUCTPATTERN_H
