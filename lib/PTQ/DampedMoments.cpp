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

PagedVector<double> dampMoments(const SecondMoments &moments, ArrayRef<int64_t> order, double damping) {
  int64_t size = moments.getNumChannels();
  ArrayRef<double> products = moments.getProducts();
  double mean = 0, rows = moments.getNumRows();
  for (int64_t i = 0; i < size; ++i)
    mean += products[i * size + i] / rows / size;
  PagedVector<double> damped(products.size());
  for (int64_t i = 0; i < size; ++i) {
    for (int64_t j = 0; j < size; ++j)
      damped[i * size + j] = products[order[i] * size + order[j]] / rows;
    damped[i * size + i] += mean > 0 ? damping * mean : 1;
  }
  return damped;
}

/// Outputs whose errors are in memory at a time.
static constexpr int64_t kColumns = 1024;

double measureOutputError(MLIRContext *context, const SecondMoments &moments, ArrayRef<float> weight, ArrayRef<float> reals) {
  int64_t size = moments.getNumChannels(), columns = weight.size() / size;
  PagedVector<float> products(moments.getProducts().begin(), moments.getProducts().end());
  std::vector<float> errors;
  double sum = 0;
  for (int64_t from = 0; from < columns; from += kColumns) {
    int64_t width = std::min(kColumns, columns - from);
    errors.clear();
    for (int64_t first = from; first < size * columns; first += columns)
      for (int64_t i = first; i < first + width; ++i)
        errors.push_back(weight[i] - reals[i]);
    sum += measureError(context, products, errors, size);
  }
  return sum / moments.getNumRows();
}

std::vector<float> computeMeanShift(const SecondMoments &moments, ArrayRef<float> weight, ArrayRef<float> reals) {
  size_t inputs = moments.getNumChannels(), outputs = weight.size() / inputs;
  std::vector<double> shift(outputs);
  for (size_t k = 0; k < inputs; ++k) {
    double mean = moments.getSums()[k] / moments.getNumRows();
    for (size_t n = 0; n < outputs; ++n)
      shift[n] += mean * (weight[k * outputs + n] - static_cast<double>(reals[k * outputs + n]));
  }
  return {shift.begin(), shift.end()};
}

} // namespace mlir::lowbit
