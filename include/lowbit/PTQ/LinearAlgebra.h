//===- LinearAlgebra.h - matrices on the host -----------------------------===//
//
// Row-major. OpenBLAS on one thread: the order of sums, and with it the result, must not depend on the machine's cores.
//
//===----------------------------------------------------------------------===//
#ifndef LOWBIT_PTQ_LINEARALGEBRA_H
#define LOWBIT_PTQ_LINEARALGEBRA_H

#include "llvm/ADT/ArrayRef.h"
#include <cstdint>
#include <vector>

namespace mlir {
class MLIRContext;
} // namespace mlir

namespace mlir::lowbit {

/// Replaces the symmetric, positive definite `matrix` `[K, K]` by the upper triangle `U` with `inverse(matrix) = U^T U`; false when it is
/// not positive definite.
bool factorInverse(llvm::MutableArrayRef<double> matrix, int64_t size);

/// Solves `matrix x = right` in place for the columns of `right` `[K, N]`; false when `matrix`, symmetric, is not positive definite.
bool solvePositive(std::vector<double> matrix, int64_t size, std::vector<double> &right, int64_t columns);

/// Replaces the symmetric `matrix` by its eigenvectors, a row each, in the order of growing eigenvalues.
bool decomposeSymmetric(std::vector<double> &matrix, int64_t size);

/// `c += alpha * op(a) b`, with `op(a)` `[M, K]`, `b` `[K, N]`, `c` `[M, N]`, rows `lda`, `ldb`, `ldc` elements apart; `op` transposes.
void addProduct(bool transposeA, int64_t m, int64_t n, int64_t k, float alpha, const float *a, int64_t lda, const float *b, int64_t ldb,
                float *c, int64_t ldc);

/// The sum over all columns `e` of `errors` `[K, N]` of `e^T products e`: what a layer's output is off by, squared and summed over rows.
/// `products` is symmetric. Columns are split over the threads of `context`.
double measureError(MLIRContext *context, llvm::ArrayRef<float> products, llvm::ArrayRef<float> errors, int64_t size);
double measureError(MLIRContext *context, llvm::ArrayRef<double> products, llvm::ArrayRef<float> errors, int64_t size);

} // namespace mlir::lowbit

#endif // LOWBIT_PTQ_LINEARALGEBRA_H
