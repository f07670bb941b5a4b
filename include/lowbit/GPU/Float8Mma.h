//===- Float8Mma.h - mma.sync of 8-bit floats, by name --------------------===//
//
// Upstream's `nvvm.mma.sync` does not take e4m3 and e5m2, for which LLVM has intrinsics: `llvm.call_intrinsic` of four registers of A, two
// of B and four sums.
//
//===----------------------------------------------------------------------===//
#ifndef LOWBIT_GPU_FLOAT8MMA_H
#define LOWBIT_GPU_FLOAT8MMA_H

#include "llvm/ADT/StringRef.h"
#include <optional>
#include <string>
#include <utility>

namespace mlir::lowbit {

inline constexpr llvm::StringLiteral float8MmaPrefix = "llvm.nvvm.mma.m16n8k32.row.col.f32.";

/// The intrinsic of m16n8k32 with sums in f32; `lhs` and `rhs` are `e4m3` or `e5m2`.
inline std::string getFloat8MmaName(llvm::StringRef lhs, llvm::StringRef rhs) { return (float8MmaPrefix + lhs + "." + rhs + ".f32").str(); }

/// What such a name says of the sides, or nothing where it is another's.
inline std::optional<std::pair<llvm::StringRef, llvm::StringRef>> parseFloat8MmaName(llvm::StringRef name) {
  if (!name.consume_front(float8MmaPrefix) || !name.consume_back(".f32"))
    return std::nullopt;
  return name.split('.');
}

} // namespace mlir::lowbit

#endif // LOWBIT_GPU_FLOAT8MMA_H
