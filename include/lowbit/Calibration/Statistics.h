//===- Statistics.h - what calibration has learned about a model ----------===//
//
// Law: the same data give the same file, byte for byte, and a file that loads is one that could have been saved. Statistics know the model
// they were taken from by its sites and their types, and are refused by any other.
//
//===----------------------------------------------------------------------===//
#ifndef LOWBIT_CALIBRATION_STATISTICS_H
#define LOWBIT_CALIBRATION_STATISTICS_H

#include "lowbit/Calibration/SecondMoments.h"
#include "lowbit/IR/Lowbit.h"
#include "mlir/IR/BuiltinOps.h"

namespace mlir::lowbit {

/// What one `lowbit.observe` has seen.
struct SiteStatistics {
  /// Bins of the histogram that every site keeps for reports.
  static constexpr unsigned kReportBins = 128;

  SiteStatistics() = default;
  SiteStatistics(SiteStatistics &&) = default;
  SiteStatistics &operator=(SiteStatistics &&) = default;

  std::string name;
  /// Fixes what the states are.
  ObserverAttrInterface observer;
  /// Of the observed tensor.
  SmallVector<int64_t> shape;
  /// Axes that keep a state each; none means one state.
  SmallVector<int64_t> axes;
  /// Row-major over `axes`.
  std::vector<std::unique_ptr<ObserverState>> states;
  /// Of all values, whatever the observer.
  Histogram histogram{kReportBins};
  /// Where they are wanted: the site whose moments are also those of this one, for both read one activation; else empty.
  std::string momentsOf;
  /// What `moments` are of; null: rows along the last axis. Files have no windows: what is loaded records nothing.
  WindowsAttr windows;
  /// Of rows, when `momentsOf` is this site.
  std::unique_ptr<SecondMoments> moments;

  uint64_t getCount() const { return histogram.getCount(); }
  /// The range for one scale for the whole tensor: that of the states merged in order.
  std::pair<double, double> getRange(NumberFormatAttrInterface format, bool symmetric) const;
  /// One range for each state.
  SmallVector<std::pair<double, double>> getRanges(NumberFormatAttrInterface format, bool symmetric) const;
};

class Statistics {
public:
  /// Empty statistics for the observe ops of `module`, in their order. Failure, after a diagnostic, when there is none, two have one
  /// name, or an axis with states of its own has no static size.
  static FailureOr<Statistics> create(ModuleOp module);

  /// Statistics of the same sites that have seen nothing.
  Statistics cloneEmpty() const;

  /// Reads what `print` wrote; an error says where and why otherwise. `context` has the dialect loaded.
  static llvm::Expected<Statistics> parse(StringRef text, MLIRContext *context);
  static llvm::Expected<Statistics> load(StringRef path, MLIRContext *context);
  void print(raw_ostream &os) const;
  /// Writes the file whole or not at all.
  llvm::Error save(StringRef path) const;

  /// Adds what `other`, of the same model and sites, has seen after this; an error leaves this as it was.
  llvm::Error merge(const Statistics &other);

  /// Whether `module` has the sites these statistics were taken from; reports to `emitError` where they differ.
  LogicalResult verifyModel(ModuleOp module, function_ref<InFlightDiagnostic()> emitError) const;

  ArrayRef<SiteStatistics> getSites() const { return sites; }
  MutableArrayRef<SiteStatistics> getSites() { return sites; }
  /// The fingerprint of the model.
  StringRef getModel() const { return model; }
  /// The statistics of `site` or null.
  const SiteStatistics *lookup(StringRef site) const;
  /// Runs of the model that were recorded.
  uint64_t getRuns() const { return runs; }
  void addRun() { ++runs; }

private:
  friend class StatisticsReader;
  std::string model; ///< Fingerprint of sites and types.
  uint64_t runs = 0;
  std::vector<SiteStatistics> sites;
};

/// A digest of the names, operand types and changed activations of the named sites of `module` (of its observe ops, where nothing is
/// named).
std::string getModelFingerprint(ModuleOp module);

/// The observer written `#lowbit.minmax`, or short `minmax` or `percentile<99.9>`; null when there is none such.
ObserverAttrInterface parseObserver(StringRef text, MLIRContext *context);

} // namespace mlir::lowbit

#endif // LOWBIT_CALIBRATION_STATISTICS_H
