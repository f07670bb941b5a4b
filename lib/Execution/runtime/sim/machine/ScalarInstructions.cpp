//===- ScalarInstructions.cpp - dp4a, dp2a, prmt --------------------------===//
#include "Instructions.h"
#include "lowbit/Execution/Sim/Scalar.h"

using namespace mlir::lowbit::sim;

extern "C" {
static uint32_t lowbit_sim_dp4a(uint32_t a, uint32_t b, uint32_t c, uint32_t aSigned, uint32_t bSigned) {
  return dp4a(aSigned, bSigned, a, b, c);
}

static uint32_t lowbit_sim_dp2a(uint32_t a, uint32_t b, uint32_t c, uint32_t aSigned, uint32_t bSigned, uint32_t high) {
  return dp2a(high, aSigned, bSigned, a, b, c);
}

static uint32_t lowbit_sim_prmt(uint32_t mode, uint32_t a, uint32_t b, uint32_t selector) {
  return prmt(static_cast<Permute>(mode), a, b, selector);
}
}

void mlir::lowbit::sim::addScalarSymbols(Symbols &symbols) {
  LOWBIT_SIM_SYMBOL(symbols, lowbit_sim_dp4a);
  LOWBIT_SIM_SYMBOL(symbols, lowbit_sim_dp2a);
  LOWBIT_SIM_SYMBOL(symbols, lowbit_sim_prmt);
}
