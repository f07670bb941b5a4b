//===- NamePatterns.h - globs over names, as options give them ------------===//
#ifndef LOWBIT_LIB_TRAINING_NAMEPATTERNS_H
#define LOWBIT_LIB_TRAINING_NAMEPATTERNS_H

#include "mlir/IR/Operation.h"
#include "llvm/Support/GlobPattern.h"

namespace mlir::lowbit {

/// The globs of an option, whose texts must outlive them. Without any, every name matches.
class NamePatterns {
public:
  /// Failure after an error at `op` when one is no glob.
  static FailureOr<NamePatterns> parse(Operation *op, ArrayRef<std::string> texts);

  /// Whether one of them matches; remembers all that do.
  bool match(StringRef name);
  /// The text of the first that has matched nothing, or null.
  const std::string *findUnused() const;

private:
  ArrayRef<std::string> texts;
  SmallVector<llvm::GlobPattern> globs;
  BitVector used;
};

} // namespace mlir::lowbit

#endif // LOWBIT_LIB_TRAINING_NAMEPATTERNS_H
