//===- Histogram.h - counts in bins whose width is a power of two ---------===//
//
// Law: a histogram is a function of the multiset of values it has seen. Its bins divide [-2^e, 2^e], where e is the smallest exponent that
// covers every value; each side has the same number of bins, and bin i of a side holds magnitudes in [i w, (i + 1) w). When a larger
// value comes, e grows and neighbouring bins join: floor(floor(m / w) / 2) = floor(m / (2 w)) exactly, so that nothing remembers
// how narrow bins once were. Hence merging is associative and commutative bit for bit.
//
//===----------------------------------------------------------------------===//
#ifndef LOWBIT_OBSERVERS_HISTOGRAM_H
#define LOWBIT_OBSERVERS_HISTOGRAM_H

#include "lowbit/Observers/Values.h"
#include "llvm/ADT/STLFunctionalExtras.h"
#include <vector>

namespace mlir::lowbit {

class Histogram {
public:
  /// Bins of both sides together: a power of two.
  static constexpr unsigned kDefaultBins = 4096, kFewestBins = 16, kMostBins = 65536;

  explicit Histogram(unsigned numBins = kDefaultBins) : numBins(numBins) {}

  /// Adds finite values.
  void observe(llvm::ArrayRef<float> values);
  /// Adds what a histogram with as many bins has seen.
  llvm::Error merge(const Histogram &other);

  bool isEmpty() const { return count == 0; }
  uint64_t getCount() const { return count; }
  ValueRange32 getRange() const { return range; }
  unsigned getNumBins() const { return numBins; }
  double getBinWidth() const;
  /// Count of the bin [low, low + width); `index` runs from -bins/2 to bins/2 - 1 and `low` is `index` times the width.
  uint64_t getBinCount(int64_t index) const { return counts.empty() ? 0 : counts[numBins / 2 + index]; }
  /// Counts of magnitudes, both signs together.
  std::vector<uint64_t> getMagnitudes() const;

  /// The value below which the share `q` (0 to 1) of all values lies, between order statistics as numpy's `linear` method; off by
  /// at most the width of a bin, and exact at 0 and 1.
  double getQuantile(double q) const;
  /// The same of magnitudes.
  double getMagnitudeQuantile(double q) const;

  llvm::json::Value toJSON() const;
  llvm::Error fromJSON(const llvm::json::Value &value);
  size_t getNumBytes() const { return sizeof(*this) + counts.size() * sizeof(uint64_t); }

private:
  static int getExponentFor(float magnitude);
  void growTo(int newExponent);
  llvm::Error readCounts(const llvm::json::Array &runs);
  llvm::Error checkRange() const;
  int64_t getBinOf(float value) const;
  double interpolate(double q, llvm::function_ref<double(uint64_t)> getOrdered) const;

  unsigned numBins;
  int exponent = 0;
  uint64_t count = 0;
  ValueRange32 range;
  std::vector<uint64_t> counts; ///< From the most negative bin upwards; nothing until a value is seen.
};

} // namespace mlir::lowbit

#endif // LOWBIT_OBSERVERS_HISTOGRAM_H
