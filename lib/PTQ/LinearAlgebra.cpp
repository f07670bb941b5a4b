//===- LinearAlgebra.cpp - matrices on the host ---------------------------===//

#include "lowbit/PTQ/LinearAlgebra.h"
#include "lowbit/Arrays/PagedMemory.h"
#include <algorithm>
#include <cblas.h>

// LAPACK, column-major: what it calls lower is our upper triangle.
extern "C" {
void dpotrf_(const char *uplo, const int *n, double *a, const int *lda, int *info);
void dpotri_(const char *uplo, const int *n, double *a, const int *lda, int *info);
void dpotrs_(const char *uplo, const int *n, const int *columns, const double *a, const int *lda, double *b, const int *ldb, int *info);
void dsyev_(const char *vectors, const char *uplo, const int *n, double *a, const int *lda, double *values, double *work, const int *size,
            int *info);
}

namespace mlir::lowbit {

/// Factors the symmetric `matrix` into `U^T U`, `U` in its upper triangle.
static bool factor(llvm::MutableArrayRef<double> matrix, int size) {
  openblas_set_num_threads(1);
  int info = 0;
  dpotrf_("L", &size, matrix.data(), &size, &info);
  return info == 0;
}

bool factorInverse(llvm::MutableArrayRef<double> matrix, int64_t size) {
  int count = static_cast<int>(size), info = 0;
  if (!factor(matrix, count))
    return false;
  dpotri_("L", &count, matrix.data(), &count, &info);
  return info == 0 && factor(matrix, count);
}

bool solvePositive(std::vector<double> matrix, int64_t size, std::vector<double> &right, int64_t columns) {
  int count = static_cast<int>(size), numRight = static_cast<int>(columns), info = 0;
  if (!factor(matrix, count))
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

/// Columns that are weighed together.
static constexpr int64_t kColumns = 1024;

double measureError(llvm::ArrayRef<float> products, llvm::ArrayRef<float> errors, int64_t size) {
  int64_t columns = errors.size() / size;
  std::vector<float> weighted;
  double sum = 0;
  for (int64_t from = 0; from < columns; from += kColumns) {
    int64_t width = std::min(kColumns, columns - from);
    weighted.assign(size * width, 0);
    addProduct(false, size, width, size, 1, products.data(), size, errors.data() + from, columns, weighted.data(), width);
    for (int64_t i = 0; i < size; ++i)
      for (int64_t n = 0; n < width; ++n)
        sum += static_cast<double>(errors[i * columns + from + n]) * weighted[i * width + n];
  }
  return sum;
}

double measureError(llvm::ArrayRef<double> products, llvm::ArrayRef<float> errors, int64_t size) {
  return measureError(PagedVector<float>(products.begin(), products.end()), errors, size);
}

} // namespace mlir::lowbit
