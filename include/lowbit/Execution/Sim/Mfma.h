//===- Mfma.h - v_mfma_i32_16x16 of bytes ---------------------------------===//
//
// AMD Instinct MI200 and MI300 instruction set architectures, matrix arithmetic: with n bytes of a row in each of 64 lanes,
//   A[i][k] is in lane i + 16 * (k / n), byte k % n; B[k][j] in lane j + 16 * (k / n), byte k % n;
//   C and D[i][j] are in lane j + 16 * (i / 4), register i % 4.
// Bytes are signed; sums wrap. No recording of a GPU is there to compare with.
//
//===----------------------------------------------------------------------===//
#ifndef LOWBIT_EXECUTION_SIM_MFMA_H
#define LOWBIT_EXECUTION_SIM_MFMA_H

#include <cstdint>

namespace mlir::lowbit::sim {

constexpr unsigned kWaveLanes = 64;

/// `bytes` of a row in a lane: 4 or 8. `d`, four registers a lane, holds C before.
void mfma16x16(unsigned bytes, const int8_t *const a[kWaveLanes], const int8_t *const b[kWaveLanes], uint32_t *const d[kWaveLanes]);

} // namespace mlir::lowbit::sim

#endif // LOWBIT_EXECUTION_SIM_MFMA_H
