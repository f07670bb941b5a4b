//===- Fragments.h - which element a lane's register holds ----------------===//
//
// Models of GPU instructions are plain functions on plain memory. A warp-wide one is called once, by the last lane to arrive, with the
// registers of all lanes. Every model is compared with what a GPU did: test/Integration/GPU/Golden.
//
// Fragments are the same for all element types when places are counted in bytes: a row of A or B has `rowBytes`, 16 or 32.
//
//===----------------------------------------------------------------------===//
#ifndef LOWBIT_EXECUTION_SIM_FRAGMENTS_H
#define LOWBIT_EXECUTION_SIM_FRAGMENTS_H

#include <cstdint>

namespace mlir::lowbit::sim {

constexpr unsigned kLanes = 32;

/// lanes[lane][register], where each lane keeps them; a lane that does not take part is null.
using Reads = const uint32_t *const *;
using Writes = uint32_t *const *;

/// Why an instruction would stop the GPU, or null.
using Illegal = const char *;

/// Register `r` of A holds word `wordOfA` of row `rowOfA`; the same for B, whose rows are columns of the product.
constexpr unsigned rowOfA(unsigned lane, unsigned r) { return lane / 4 + 8 * (r % 2); }
constexpr unsigned wordOfA(unsigned lane, unsigned r) { return lane % 4 + 4 * (r / 2); }
constexpr unsigned rowOfB(unsigned lane, unsigned) { return lane / 4; }
constexpr unsigned wordOfB(unsigned lane, unsigned r) { return lane % 4 + 4 * r; }

/// 32-bit accumulators: two neighbours in a row, the same eight rows below, and so on by eight columns (wgmma).
constexpr unsigned rowOfC(unsigned lane, unsigned r) { return lane / 4 + 8 * (r / 2 % 2); }
constexpr unsigned columnOfC(unsigned lane, unsigned r) { return 8 * (r / 4) + 2 * (lane % 4) + r % 2; }

/// Operands of one mma.sync as matrices. Eight rows of A use every other register.
struct Operands {
  alignas(4) uint8_t a[16][32], b[8][32];

  Operands(Reads aLanes, Reads bLanes, unsigned rows, unsigned rowBytes);
};

} // namespace mlir::lowbit::sim

#endif // LOWBIT_EXECUTION_SIM_FRAGMENTS_H
