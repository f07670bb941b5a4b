//===- MfmaInstructions.cpp - v_mfma --------------------------------------===//
// Two waves of 64 lanes meet, as four warps do: kernels whose waves are not in step with each other are refused, though a GPU would run
// them.

#include "Block.h"
#include "Instructions.h"
#include "lowbit/Execution/Sim/Mfma.h"

using namespace mlir::lowbit::sim;

namespace {
struct MfmaFrame {
  const int8_t *a, *b;
  uint32_t *d;
};
} // namespace

extern "C" {
/// `bytes` of a row in a lane; `d` is C before.
static void lowbit_sim_mfma(const Site *site, const int8_t *a, const int8_t *b, uint32_t *d, uint32_t bytes) {
  MfmaFrame frame{a, b, d};
  running().meetGroup(site, &frame, [&](MfmaFrame *const *frames, WarpGroup &) {
    for (unsigned first = 0; first < kGroupThreads; first += kWaveLanes) {
      const int8_t *left[kWaveLanes], *right[kWaveLanes];
      uint32_t *sums[kWaveLanes];
      for (unsigned lane = 0; lane < kWaveLanes; ++lane) {
        left[lane] = frames[first + lane]->a;
        right[lane] = frames[first + lane]->b;
        sums[lane] = frames[first + lane]->d;
      }
      mfma16x16(bytes, left, right, sums);
    }
  });
}
}

void mlir::lowbit::sim::addMfmaSymbols(Symbols &symbols) { LOWBIT_SIM_SYMBOL(symbols, lowbit_sim_mfma); }
