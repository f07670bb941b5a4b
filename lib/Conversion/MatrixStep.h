//===- MatrixStep.h - how tensor cores add products of halves -------------===//
//
// Measured on an sm_90 GPU (test/Integration/GPU/Golden), for f16 and bf16 (mma.sync) and floats of 8 bits (wgmma) with sums in f32:
// products are exact. All products of a step, and the sum so far, are cut toward zero to multiples of 2^(e - 25), of floats of 8 bits 2^(e
// - 13), where e is the largest exponent among them: of a product, the sum of its factors' exponents, of which the mantissas are not
// normalized; zeros do not count. The sum of what is left is exact, and cut toward zero to an f32, of floats of 8 bits one with 13 bits of
// fraction. A NaN is 0x7FFFFFFF. A subnormal number has the exponent of the smallest normal one.
//
//===----------------------------------------------------------------------===//
#ifndef LOWBIT_LIB_CONVERSION_MATRIXSTEP_H
#define LOWBIT_LIB_CONVERSION_MATRIXSTEP_H

#include "mlir/IR/Builders.h"

namespace mlir::lowbit {

/// Builds the f32 `sum` plus the products of one step, in operations of f64 that are exact and in integers. `load` gives the two factors,
/// f16, bf16, f8E4M3FN or f8E5M2, number `index` (0 to `count`) of the step.
Value buildMatrixStep(OpBuilder &builder, Location loc, Value sum, int64_t count,
                      llvm::function_ref<std::pair<Value, Value>(OpBuilder &, Value index)> load);

} // namespace mlir::lowbit

#endif // LOWBIT_LIB_CONVERSION_MATRIXSTEP_H
