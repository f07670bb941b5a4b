//===- Recorder.h - feeds the values of a run into statistics -------------===//
//
// One recorder a run at a time; runs side by side have one each, and their statistics are merged.
//
//===----------------------------------------------------------------------===//
#ifndef LOWBIT_CALIBRATION_RECORDER_H
#define LOWBIT_CALIBRATION_RECORDER_H

#include "lowbit/Calibration/Statistics.h"

namespace mlir::lowbit {

class Recorder {
public:
  explicit Recorder(Statistics statistics) : statistics(std::move(statistics)) {}

  /// Rows that do not count in this run: where a tensor has as many rows (all axes but the last) as `mask`, those with false are left
  /// out of everything that does not keep a state for each row. Empty: all count.
  void beginRun(ArrayRef<bool> mask) { rowMask.assign(mask.begin(), mask.end()); }
  /// Takes the values of a site (its index in the statistics) in row-major order. After an error nothing more is taken.
  void observe(uint64_t site, ArrayRef<float> values, ArrayRef<int64_t> shape);
  /// Ends a run: the first error since the last one, which leaves the statistics of no use, or success.
  llvm::Error endRun();

  const Statistics &getStatistics() const { return statistics; }
  Statistics takeStatistics() { return std::move(statistics); }

private:
  std::string findError(const SiteStatistics &site, ArrayRef<float> values, ArrayRef<int64_t> shape) const;
  void observeStates(SiteStatistics &site, ArrayRef<int64_t> axes, ArrayRef<float> values, ArrayRef<int64_t> shape);
  bool dropMaskedRows(const SiteStatistics &site, ArrayRef<float> &values, SmallVectorImpl<int64_t> &shape);

  Statistics statistics;
  std::string failure;
  std::vector<float> scratch, keptRows;
  std::vector<char> rowMask;
};

} // namespace mlir::lowbit

#endif // LOWBIT_CALIBRATION_RECORDER_H
