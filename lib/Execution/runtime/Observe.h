//===- Observe.h - what compiled code calls to be observed ----------------===//
#ifndef LOWBIT_LIB_EXECUTION_RUNTIME_OBSERVE_H
#define LOWBIT_LIB_EXECUTION_RUNTIME_OBSERVE_H

#include "lowbit/Calibration/Recorder.h"
#include "lowbit/Execution/Executable.h"

namespace mlir::lowbit {

/// The function that `lowbit-lower-observe` calls. Outside of a RecordingScope it does nothing.
RuntimeSymbol getObserveSymbol();

/// While it lives, what compiled code of this thread observes goes to `recorder`.
class RecordingScope {
public:
  explicit RecordingScope(Recorder &recorder);
  ~RecordingScope();

private:
  Recorder *outer;
};

} // namespace mlir::lowbit

#endif // LOWBIT_LIB_EXECUTION_RUNTIME_OBSERVE_H
