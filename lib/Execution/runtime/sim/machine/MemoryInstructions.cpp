//===- MemoryInstructions.cpp - plain loads, stores and atomics -----------===//
// Law: the access itself is the kernel's own code; here it is only followed, before it is made.

#include "Block.h"
#include "Instructions.h"

using namespace mlir::lowbit::sim;

extern "C" {
static void lowbit_sim_load(const Site *site, const void *address, uint64_t bytes, uint32_t alignment) {
  running().access(site, address, bytes, /*isWrite=*/false, alignment);
}

static void lowbit_sim_store(const Site *site, const void *address, uint64_t bytes, uint32_t alignment) {
  running().access(site, address, bytes, /*isWrite=*/true, alignment);
}

static void lowbit_sim_atomic(const Site *site, const void *address, uint64_t bytes, uint32_t alignment) {
  running().access(site, address, bytes, /*isWrite=*/true, alignment, /*isAtomic=*/true);
}
}

void mlir::lowbit::sim::addMemorySymbols(Symbols &symbols) {
  LOWBIT_SIM_SYMBOL(symbols, lowbit_sim_load);
  LOWBIT_SIM_SYMBOL(symbols, lowbit_sim_store);
  LOWBIT_SIM_SYMBOL(symbols, lowbit_sim_atomic);
}
