//===- MmaInstructions.cpp - mma.sync -------------------------------------===//
#include "Block.h"
#include "Instructions.h"
#include "lowbit/Execution/Sim/FloatMma.h"
#include "lowbit/Execution/Sim/IntegerMma.h"

using namespace mlir::lowbit::sim;

namespace {
struct MmaFrame {
  const uint32_t *a, *b;
  uint32_t *c; // and d
};
} // namespace

template <typename Form> static void multiply(const Site *site, const Form &form, MmaFrame frame) {
  running().meetWarp(site, ~0u, &frame, [&](MmaFrame *const *frames) {
    const uint32_t *a[kLanes], *b[kLanes];
    uint32_t *c[kLanes];
    for (unsigned lane = 0; lane < kLanes; ++lane) {
      a[lane] = frames[lane]->a;
      b[lane] = frames[lane]->b;
      c[lane] = frames[lane]->c;
    }
    mmaSync(form, a, b, c, c);
  });
}

extern "C" {
/// Types are IntegerType; `flags`: 1 saturates, 2 xor instead of and. `rows` 8 or 16, `rowBytes` 16 or 32.
static void lowbit_sim_mma_integer(const Site *site, const uint32_t *a, const uint32_t *b, uint32_t *c, uint32_t aType, uint32_t bType,
                                   uint32_t flags, uint32_t rows, uint32_t rowBytes) {
  const IntegerProduct product{static_cast<IntegerType>(aType), static_cast<IntegerType>(bType),
                               flags & 2 ? BitOperation::Xor : BitOperation::And, (flags & 1) != 0};
  multiply(site, IntegerMma{product, rows, rowBytes}, {a, b, c});
}

/// Types are FloatType; `half`: f16 accumulators.
static void lowbit_sim_mma_float(const Site *site, const uint32_t *a, const uint32_t *b, uint32_t *c, uint32_t aType, uint32_t bType,
                                 uint32_t half, uint32_t rowBytes) {
  multiply(site, FloatMma{static_cast<FloatType>(aType), static_cast<FloatType>(bType), rowBytes, half != 0}, {a, b, c});
}
}

void mlir::lowbit::sim::addMmaSymbols(Symbols &symbols) {
  LOWBIT_SIM_SYMBOL(symbols, lowbit_sim_mma_integer);
  LOWBIT_SIM_SYMBOL(symbols, lowbit_sim_mma_float);
}
