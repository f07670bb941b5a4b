//===- StopInstructions.cpp - what ends a kernel on purpose ---------------===//
#include "Block.h"
#include "Instructions.h"

using namespace mlir::lowbit::sim;

extern "C" {
static void lowbit_sim_assert(const Site *site, const char *text) {
  running().stop(Finding::Illegal, site, std::string("an assertion does not hold: ") + text);
}
}

void mlir::lowbit::sim::addStopSymbols(Symbols &symbols) { LOWBIT_SIM_SYMBOL(symbols, lowbit_sim_assert); }
