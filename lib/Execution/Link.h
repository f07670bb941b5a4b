//===- Link.h - shared libraries out of objects ---------------------------===//
#ifndef LOWBIT_LIB_EXECUTION_LINK_H
#define LOWBIT_LIB_EXECUTION_LINK_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/Support/Error.h"
#include "llvm/TargetParser/Triple.h"
#include <string>

namespace mlir::lowbit {

/// The bytes of a shared library called `name` made of `object`, by whatever compiler driver for `triple` this machine has. `libraries` are
/// names for `-l`. What `archive` defines, if it is not empty, comes with it and is not exported; that needs C++'s library, which is linked
/// statically.
llvm::Expected<std::string> linkSharedLibrary(llvm::StringRef object, llvm::StringRef name, const llvm::Triple &triple,
                                              llvm::ArrayRef<llvm::StringRef> libraries, llvm::StringRef archive = {});

} // namespace mlir::lowbit

#endif // LOWBIT_LIB_EXECUTION_LINK_H
