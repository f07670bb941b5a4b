//===- DampedMoments.cpp - second moments that can be inverted ------------===//

#include "lowbit/PTQ/DampedMoments.h"
#include "lowbit/PTQ/LinearAlgebra.h"
#include "llvm/ADT/STLExtras.h"
#include <numeric>

namespace mlir::lowbit {

SmallVector<int64_t> orderByPower(const SecondMoments &moments) {
  int64_t size = moments.getNumChannels();
  SmallVector<int64_t> order(size);
  std::iota(order.begin(), order.end(), 0);
  ArrayRef<double> products = moments.getProducts();
  llvm::sort(order, [&](int64_t a, int64_t b) {
    double ofA = products[a * size + a], ofB = products[b * size + b];
    return ofA != ofB ? ofA > ofB : a < b;
  });
  return order;
}

std::vector<double> dampMoments(const SecondMoments &moments, ArrayRef<int64_t> order, double damping) {
  int64_t size = moments.getNumChannels();
  ArrayRef<double> products = moments.getProducts();
  double mean = 0, rows = moments.getNumRows();
  for (int64_t i = 0; i < size; ++i)
    mean += products[i * size + i] / rows / size;
  std::vector<double> damped(products.size());
  for (int64_t i = 0; i < size; ++i) {
    for (int64_t j = 0; j < size; ++j)
      damped[i * size + j] = products[order[i] * size + order[j]] / rows;
    damped[i * size + i] += mean > 0 ? damping * mean : 1;
  }
  return damped;
}

double measureOutputError(const SecondMoments &moments, ArrayRef<float> weight, ArrayRef<float> reals) {
  std::vector<float> errors(weight.size());
  for (auto [error, real, rounded] : llvm::zip_equal(errors, weight, reals))
    error = real - rounded;
  return measureError(moments.getProducts(), errors, moments.getNumChannels()) / moments.getNumRows();
}

} // namespace mlir::lowbit
