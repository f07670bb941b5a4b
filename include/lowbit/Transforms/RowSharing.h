//===- RowSharing.h - what rows computed a few at a time may share --------===//
#ifndef LOWBIT_TRANSFORMS_ROWSHARING_H
#define LOWBIT_TRANSFORMS_ROWSHARING_H

#include <cstdint>

namespace mlir::lowbit {

/// Bytes that may be read again for every few rows: half of a usual second-level cache's share of one operand. Products whose right side
/// takes more are contractions (`lowbit-form-contracts`); those of less go row by row with their neighbours (`lowbit-fuse-rows`).
inline constexpr int64_t mostSharedBytes = 128 << 10;

} // namespace mlir::lowbit

#endif // LOWBIT_TRANSFORMS_ROWSHARING_H
