//===- ApproximateFunctions.h - functions of floats as arithmetic ---------===//

#ifndef LOWBIT_TRANSFORMS_APPROXIMATEFUNCTIONS_H
#define LOWBIT_TRANSFORMS_APPROXIMATEFUNCTIONS_H

#include "mlir/IR/PatternMatch.h"

namespace mlir::lowbit {

/// Sine, cosine and tangent of f32 and narrower, scalars and vectors, become arithmetic of f32 and integers.
void populateApproximateAnglePatterns(RewritePatternSet &patterns);

/// Powers, roots, logarithms, hyperbolic and inverse functions of f32 and narrower, scalars and vectors, become arithmetic of f64.
void populateApproximateWidePatterns(RewritePatternSet &patterns);

/// What the math dialect has of integers, and its questions about floats, become arithmetic, bitwise operations and comparisons.
void populateExpandIntegerPatterns(RewritePatternSet &patterns);

} // namespace mlir::lowbit

#endif // LOWBIT_TRANSFORMS_APPROXIMATEFUNCTIONS_H
