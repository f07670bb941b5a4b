//===- Mfma.cpp - v_mfma_i32_16x16 of bytes -------------------------------===//

#include "lowbit/Execution/Sim/Mfma.h"

namespace mlir::lowbit::sim {

void mfma16x16(unsigned bytes, const int8_t *const a[kWaveLanes], const int8_t *const b[kWaveLanes], uint32_t *const d[kWaveLanes]) {
  constexpr unsigned size = 16;
  for (unsigned i = 0; i < size; ++i)
    for (unsigned j = 0; j < size; ++j) {
      int32_t sum = 0;
      for (unsigned k = 0; k < 4 * bytes; ++k)
        sum += a[i + size * (k / bytes)][k % bytes] * b[j + size * (k / bytes)][k % bytes];
      d[j + size * (i / 4)][i % 4] += static_cast<uint32_t>(sum);
    }
}

} // namespace mlir::lowbit::sim
