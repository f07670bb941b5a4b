//===- LinearAlgebra.cpp - matrices on the host ---------------------------===//

#include "lowbit/PTQ/LinearAlgebra.h"
#include "lowbit/Arrays/PagedMemory.h"
#include "mlir/IR/Threading.h"
#include "llvm/Support/MathExtras.h"
#include <algorithm>
#include <cblas.h>
#include <numeric>

// LAPACK, column-major: what it calls lower is our upper triangle.
extern "C" {
void dpotrf_(const char *uplo, const int *n, double *a, const int *lda, int *info);
void dtrtri_(const char *uplo, const char *diagonal, const int *n, double *a, const int *lda, int *info);
void dpotrs_(const char *uplo, const int *n, const int *columns, const double *a, const int *lda, double *b, const int *ldb, int *info);
void dsyev_(const char *vectors, const char *uplo, const int *n, double *a, const int *lda, double *values, double *work, const int *size,
            int *info);
}

namespace mlir::lowbit {

/// Factors the symmetric `matrix` into `U^T U`, `U` in its upper triangle (`L`), or `L L^T`, `L` in its lower triangle (`U`).
static bool factor(llvm::MutableArrayRef<double> matrix, int size, const char *uplo) {
  openblas_set_num_threads(1);
  int info = 0;
  dpotrf_(uplo, &size, matrix.data(), &size, &info);
  return info == 0;
}

bool factorInverse(llvm::MutableArrayRef<double> matrix, int64_t size) {
  int count = static_cast<int>(size), info = 0;
  // With rows and columns reversed, `L L^T` is the product of an upper triangle and its transpose, whose inverse is what is wanted.
  std::reverse(matrix.begin(), matrix.end());
  if (!factor(matrix, count, "U"))
    return false;
  dtrtri_("U", "N", &count, matrix.data(), &count, &info);
  std::reverse(matrix.begin(), matrix.end());
  return info == 0;
}

bool solvePositive(std::vector<double> matrix, int64_t size, std::vector<double> &right, int64_t columns) {
  int count = static_cast<int>(size), numRight = static_cast<int>(columns), info = 0;
  if (!factor(matrix, count, "L"))
    return false;
  // LAPACK wants each right side as a run.
  std::vector<double> runs(right.size());
  for (int64_t i = 0; i < size; ++i)
    for (int64_t j = 0; j < columns; ++j)
      runs[j * size + i] = right[i * columns + j];
  dpotrs_("L", &count, &numRight, matrix.data(), &count, runs.data(), &count, &info);
  for (int64_t i = 0; i < size; ++i)
    for (int64_t j = 0; j < columns; ++j)
      right[i * columns + j] = runs[j * size + i];
  return info == 0;
}

bool decomposeSymmetric(std::vector<double> &matrix, int64_t size) {
  openblas_set_num_threads(1);
  int count = static_cast<int>(size), info = 0, room = 34 * count;
  std::vector<double> values(size), work(room);
  dsyev_("V", "L", &count, matrix.data(), &count, values.data(), work.data(), &room, &info);
  return info == 0;
}

void addProduct(bool transposeA, int64_t m, int64_t n, int64_t k, float alpha, const float *a, int64_t lda, const float *b, int64_t ldb,
                float *c, int64_t ldc) {
  openblas_set_num_threads(1);
  cblas_sgemm(CblasRowMajor, transposeA ? CblasTrans : CblasNoTrans, CblasNoTrans, m, n, k, alpha, a, lda, b, ldb, 1, c, ldc);
}

/// Columns that one task works on.
static constexpr int64_t kColumns = 256;

/// `measureError` of a matrix whose diagonal has been halved: twice what its upper triangle gives.
static double measureHalved(MLIRContext *context, llvm::ArrayRef<float> products, llvm::ArrayRef<float> errors, int64_t size) {
  int64_t columns = errors.size() / size;
  std::vector<double> sums(llvm::divideCeil(columns, kColumns));
  parallelFor(context, 0, sums.size(), [&](size_t part) {
    int64_t from = part * kColumns, width = std::min(kColumns, columns - from);
    std::vector<float> weighted(size * width);
    for (int64_t k = 0; k < size; ++k)
      std::copy_n(&errors[k * columns + from], width, &weighted[k * width]);
    openblas_set_num_threads(1);
    cblas_strmm(CblasRowMajor, CblasLeft, CblasUpper, CblasNoTrans, CblasNonUnit, size, width, 1, products.data(), size, weighted.data(),
                width);
    for (int64_t k = 0; k < size; ++k)
      for (int64_t n = 0; n < width; ++n)
        sums[part] += static_cast<double>(errors[k * columns + from + n]) * weighted[k * width + n];
  });
  return 2 * std::accumulate(sums.begin(), sums.end(), 0.0);
}

template <typename T> static double measure(MLIRContext *context, llvm::ArrayRef<T> products, llvm::ArrayRef<float> errors, int64_t size) {
  PagedVector<float> halved(products.begin(), products.end());
  for (int64_t k = 0; k < size; ++k)
    halved[k * size + k] /= 2;
  return measureHalved(context, halved, errors, size);
}

double measureError(MLIRContext *context, llvm::ArrayRef<float> products, llvm::ArrayRef<float> errors, int64_t size) {
  return measure(context, products, errors, size);
}

double measureError(MLIRContext *context, llvm::ArrayRef<double> products, llvm::ArrayRef<float> errors, int64_t size) {
  return measure(context, products, errors, size);
}

} // namespace mlir::lowbit
