//===- Check.h - the little that unit tests need --------------------------===//
#ifndef LOWBIT_UNITTESTS_CHECK_H
#define LOWBIT_UNITTESTS_CHECK_H

#include "llvm/ADT/Twine.h"
#include "llvm/Support/raw_ostream.h"

namespace mlir::lowbit::unittest {

struct Outcome {
  int passed = 0, failed = 0;
};

inline Outcome outcome;

inline void check(bool holds, const llvm::Twine &law) {
  ++(holds ? outcome.passed : outcome.failed);
  if (!holds)
    llvm::errs() << "failed: " << law << '\n';
}

/// The exit code of a test program.
inline int finish() {
  llvm::outs() << outcome.passed << " passed, " << outcome.failed << " failed\n";
  return outcome.failed || !outcome.passed;
}

} // namespace mlir::lowbit::unittest

#endif // LOWBIT_UNITTESTS_CHECK_H
