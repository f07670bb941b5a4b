//===- Moments.cpp - second moments as algorithms use them ----------------===//

#include "Moments.h"
#include <numeric>

namespace mlir::lowbit {

std::vector<int64_t> getIdentityOrder(int64_t size) {
  std::vector<int64_t> order(size);
  std::iota(order.begin(), order.end(), 0);
  return order;
}

std::vector<double> getDamped(const SecondMoments &moments, double damping, llvm::ArrayRef<int64_t> order) {
  int64_t size = moments.getNumChannels();
  llvm::ArrayRef<double> products = moments.getProducts();
  double mean = 0;
  for (int64_t i = 0; i < size; ++i)
    mean += products[i * size + i] / size;
  std::vector<double> damped(products.size());
  for (int64_t i = 0; i < size; ++i) {
    for (int64_t j = 0; j < size; ++j)
      damped[i * size + j] = products[order[i] * size + order[j]];
    double &diagonal = damped[i * size + i];
    diagonal = diagonal == 0 ? 1 : diagonal + damping * mean;
  }
  return damped;
}

} // namespace mlir::lowbit
