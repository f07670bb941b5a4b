//===- ObserverState.h - bounded, mergeable statistics of one channel -----===//
//
// A site's statistics are one state for each channel (one for a tensor as a whole). States are fed in batches, merge associatively, and are
// written to JSON with every bit of their numbers. Unless an observer says otherwise, a state is a function of the multiset of
// values it has seen: neither order, nor batches, nor the shape of the tree of merges shows.
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

  /// Feeds one batch of values, all finite (the run time has refused NaN and infinity before).
  virtual void observe(llvm::ArrayRef<float> values) = 0;
  /// Adds what `other`, a state of the same observer attribute, has seen after this one.
  virtual llvm::Error merge(const ObserverState &other) = 0;
  /// The range of reals to represent when quantizing to `format`; {0, 0} when nothing was seen. With `symmetric`, scales
  /// come from the larger magnitude and there is no zero point. Without a format, observers that weigh a clip by its codes give all that
  /// was seen.
  virtual std::pair<double, double> getRange(NumberFormatAttrInterface format, bool symmetric) const = 0;
  /// Same state, same JSON, byte for byte.
  virtual llvm::json::Value toJSON() const = 0;
  /// Replaces this state. Whatever `value` is, either an error or a state that `toJSON` could have written.
  virtual llvm::Error fromJSON(const llvm::json::Value &value) = 0;
  /// Bytes held, bounded whatever has been seen.
  virtual size_t getNumBytes() const = 0;
};

} // namespace mlir::lowbit

#endif // LOWBIT_OBSERVERS_OBSERVERSTATE_H
