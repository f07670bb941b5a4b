//===- ObserverState.h - bounded, mergeable statistics of one channel -----===//
//
// A site's statistics are one state for each channel (one for a tensor as a whole). States are fed in batches,
// merge associatively, and are written to JSON with every bit of their numbers.
//
//===----------------------------------------------------------------------===//
#ifndef LOWBIT_OBSERVERS_OBSERVERSTATE_H
#define LOWBIT_OBSERVERS_OBSERVERSTATE_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/Support/Error.h"
#include "llvm/Support/JSON.h"
#include <memory>
#include <utility>

namespace mlir::lowbit {

class NumberFormatAttrInterface;

class ObserverState {
public:
  virtual ~ObserverState() = default;

  /// Feeds values, all finite (the run time has refused NaN and infinity before).
  virtual void observe(llvm::ArrayRef<float> values) = 0;
  /// Adds what `other`, a state of the same observer, has seen. Associative.
  virtual llvm::Error merge(const ObserverState &other) = 0;
  /// The range of reals to represent when quantizing to `format`; {0, 0} when nothing was seen.
  virtual std::pair<double, double> getRange(NumberFormatAttrInterface format, bool symmetric) const = 0;
  /// Same state, same JSON, byte for byte.
  virtual llvm::json::Value toJSON() const = 0;
  virtual llvm::Error fromJSON(const llvm::json::Value &value) = 0;
};

} // namespace mlir::lowbit

#endif // LOWBIT_OBSERVERS_OBSERVERSTATE_H
