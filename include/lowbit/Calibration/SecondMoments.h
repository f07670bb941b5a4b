//===- SecondMoments.h - sums of products of channels ---------------------===//
//
// What algorithms that weigh errors by the data know of an activation `x`, rows of `K` channels: the sums of `x[r, i]` and of
// `x[r, i] x[r, j]` over all rows, in f64. The order of rows shows in the last bits, so shards are merged in order.
//
//===----------------------------------------------------------------------===//
#ifndef LOWBIT_CALIBRATION_SECONDMOMENTS_H
#define LOWBIT_CALIBRATION_SECONDMOMENTS_H

#include "lowbit/Arrays/PagedMemory.h"
#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include <string>
#include <vector>

namespace mlir::lowbit {

class Statistics;

class SecondMoments {
public:
  SecondMoments() = default;
  explicit SecondMoments(int64_t numChannels) : sums(numChannels), products(numChannels * numChannels) {}

  int64_t getNumChannels() const { return sums.size(); }
  uint64_t getNumRows() const { return numRows; }
  /// `[K]`.
  llvm::ArrayRef<double> getSums() const { return sums; }
  /// `[K, K]`, symmetric.
  llvm::ArrayRef<double> getProducts() const { return products; }

  /// Adds rows of `K` values each, row-major.
  void add(llvm::ArrayRef<float> rows);
  void merge(const SecondMoments &other);
  /// Takes the mean off every row: sums become zero, products those of what is left.
  void center();
  /// As if channel `i` of every row had been multiplied by `factors[i]`.
  void scale(llvm::ArrayRef<float> factors);

private:
  friend llvm::Expected<SecondMoments> readMoments(llvm::StringRef statisticsPath, const Statistics &statistics, llvm::StringRef site);
  uint64_t numRows = 0;
  std::vector<double> sums;
  PagedVector<double> products;
};

/// Moments lie beside statistics, in an .npz named `STATISTICS.moments.npz`: for each site `SITE/rows`, `SITE/sums` and `SITE/products`, or
/// `SITE/same`, the name of a site that reads the same activation. `model` is the fingerprint of the statistics.
std::string getMomentsPath(llvm::StringRef statisticsPath);

/// Writes the moments of `statistics` beside them, if there are any, and removes older ones otherwise.
llvm::Error saveMoments(llvm::StringRef statisticsPath, const Statistics &statistics);
/// Fills in the moments of loaded `statistics`, if they are there.
llvm::Error loadMoments(llvm::StringRef statisticsPath, Statistics &statistics);
/// The moments of one site, without the others.
llvm::Expected<SecondMoments> readMoments(llvm::StringRef statisticsPath, const Statistics &statistics, llvm::StringRef site);

} // namespace mlir::lowbit

#endif // LOWBIT_CALIBRATION_SECONDMOMENTS_H
