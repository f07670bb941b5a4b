//===- CHeader.h - compiled functions as a C program sees them ------------===//
#ifndef LOWBIT_LIB_EXECUTION_CHEADER_H
#define LOWBIT_LIB_EXECUTION_CHEADER_H

#include "DeviceInterface.h"
#include "lowbit/Execution/Signature.h"

namespace mlir::lowbit {

/// A function with its names in C.
struct CFunction {
  Entry entry;
  std::string symbol;                      ///< `minilm_main`
  std::vector<std::string> parameters;     ///< of inputs, then outputs, then the workspace if there is one, then a device's stream
  const DeviceInterface *device = nullptr; ///< whose memory arrays are in; null for the host's
};

/// The names of `entry` in a file called `stem`. Reports to `loc` why C cannot call it.
FailureOr<CFunction> nameFunction(Location loc, const Entry &entry, StringRef stem, const DeviceInterface *device);

/// Names of the two functions that a library for a device has besides: one says what went wrong, the other gives memory back.
std::string getErrorFunction(StringRef stem);
std::string getReleaseFunction(StringRef stem);

/// What a header says of its object besides the functions.
struct ObjectDescription {
  std::string stem;   ///< `minilm`
  std::string file;   ///< `minilm.o`
  std::string target; ///< `x86-64-avx2 (x86_64-unknown-linux-gnu)`
  unsigned threads = 1;
  const DeviceInterface *device = nullptr; ///< as for functions
};

/// A header for C99 and C++.
std::string formatHeader(ArrayRef<CFunction> functions, const ObjectDescription &object);

} // namespace mlir::lowbit

#endif // LOWBIT_LIB_EXECUTION_CHEADER_H
