//===- Warp.h - what lanes tell each other --------------------------------===//
//
// `mask` names the lanes that take part; the registers of others are neither read nor written and may be null.
//
//===----------------------------------------------------------------------===//
#ifndef LOWBIT_EXECUTION_SIM_WARP_H
#define LOWBIT_EXECUTION_SIM_WARP_H

#include "lowbit/Execution/Sim/Fragments.h"

namespace mlir::lowbit::sim {

enum class Shuffle : uint8_t { Up, Down, Butterfly, Index };

/// Registers in: value, offset or lane, and the word of clamp (bits 0 to 4) and segment mask (bits 8 to 12).
/// Registers out: value, and whether the source was in range. Out of range a lane keeps its own value; a source lane that does not
/// take part gives 0.
void shuffle(Shuffle mode, uint32_t mask, Reads in, Writes out);

enum class Vote : uint8_t { Any, All, Uniform, Ballot };

/// Register in: a predicate. Register out: 0 or 1, or the lanes whose predicate holds.
void vote(Vote mode, uint32_t mask, Reads in, Writes out);

enum class Reduction : uint8_t { Add, MinSigned, MaxSigned, MinUnsigned, MaxUnsigned, And, Or, Xor };

void reduce(Reduction operation, uint32_t mask, Reads in, Writes out);

/// The lanes that hold the same value.
void matchAny(uint32_t mask, Reads in, Writes out);

/// `mask` and 1 when all hold the same, else 0 and 0.
void matchAll(uint32_t mask, Reads in, Writes out);

/// The lowest lane of the mask, and 1 for that lane alone.
void elect(uint32_t mask, Writes out);

} // namespace mlir::lowbit::sim

#endif // LOWBIT_EXECUTION_SIM_WARP_H
