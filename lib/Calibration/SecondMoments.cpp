//===- SecondMoments.cpp - sums of products of channels -------------------===//

#include "lowbit/Calibration/SecondMoments.h"
#include "llvm/ADT/STLExtras.h"
#include <cassert>
#include <cblas.h>

namespace mlir::lowbit {

/// Rows that are widened to f64 at a time.
static constexpr int64_t kRows = 256;

void SecondMoments::add(llvm::ArrayRef<float> rows) {
  int64_t channels = getNumChannels(), count = channels == 0 ? 0 : rows.size() / channels;
  // One thread: the order of a sum, and with it its last bits, must not depend on the machine.
  openblas_set_num_threads(1);
  std::vector<double> wide(std::min(count, kRows) * channels);
  for (int64_t first = 0; first < count; first += kRows) {
    int64_t taken = std::min(kRows, count - first);
    llvm::ArrayRef<float> part = rows.slice(first * channels, taken * channels);
    llvm::copy(part, wide.begin());
    for (int64_t row = 0; row < taken; ++row)
      for (int64_t channel = 0; channel < channels; ++channel)
        sums[channel] += wide[row * channels + channel];
    cblas_dsyrk(CblasRowMajor, CblasUpper, CblasTrans, channels, taken, 1, wide.data(), channels, 1, products.data(), channels);
  }
  for (int64_t i = 0; i < channels; ++i)
    for (int64_t j = 0; j < i; ++j)
      products[i * channels + j] = products[j * channels + i];
  numRows += count;
}

void SecondMoments::merge(const SecondMoments &other) {
  for (auto [sum, added] : llvm::zip_equal(sums, other.sums))
    sum += added;
  for (auto [product, added] : llvm::zip_equal(products, other.products))
    product += added;
  numRows += other.numRows;
}

void SecondMoments::center() {
  int64_t channels = getNumChannels();
  for (int64_t i = 0; i < channels && numRows > 0; ++i)
    for (int64_t j = 0; j < channels; ++j)
      products[i * channels + j] -= sums[i] / numRows * sums[j];
  std::fill(sums.begin(), sums.end(), 0.0);
}

void SecondMoments::scale(llvm::ArrayRef<float> factors) {
  int64_t channels = getNumChannels();
  for (int64_t i = 0; i < channels; ++i) {
    sums[i] *= factors[i];
    for (int64_t j = 0; j < channels; ++j)
      products[i * channels + j] *= static_cast<double>(factors[i]) * factors[j];
  }
}

} // namespace mlir::lowbit
