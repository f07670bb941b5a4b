//===- PlaceInstructions.cpp - which thread, which block, how many --------===//
#include "Block.h"
#include "Instructions.h"

using namespace mlir::lowbit::sim;

extern "C" {
/// `register` is 3 * {thread, block, threads, blocks} + dimension, 12 the lane, 13 the warp, 14 bytes of shared memory.
static uint32_t lowbit_sim_register(uint32_t which) {
  Block &block = running();
  switch (which) {
  case 12:
    return block.lane();
  case 13:
    return block.thread().index / kLanes;
  case 14:
    return block.arena.getSize();
  default:
    break;
  }
  const unsigned dimension = which % 3;
  switch (which / 3) {
  case 0:
    return block.thread().id[dimension];
  case 1:
    return block.place[dimension];
  case 2:
    return block.extent[dimension];
  default:
    return block.grid[dimension];
  }
}

static void *lowbit_sim_shared() { return running().arena.getBegin(); }

/// From an address in shared memory to what it is on the GPU.
static uint64_t lowbit_sim_to_shared(const void *address) {
  Block &block = running();
  return block.arena.contains(address) ? block.arena.toShared(address) : reinterpret_cast<uintptr_t>(address);
}

/// Back. What leaves the window is no address of shared memory any more; using it is reported.
static void *lowbit_sim_from_shared(uint64_t address) { return running().arena.fromShared(static_cast<uint32_t>(address)); }
}

void mlir::lowbit::sim::addPlaceSymbols(Symbols &symbols) {
  LOWBIT_SIM_SYMBOL(symbols, lowbit_sim_register);
  LOWBIT_SIM_SYMBOL(symbols, lowbit_sim_shared);
  LOWBIT_SIM_SYMBOL(symbols, lowbit_sim_to_shared);
  LOWBIT_SIM_SYMBOL(symbols, lowbit_sim_from_shared);
}
