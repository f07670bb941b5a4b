//===- BarrierInstructions.cpp - barriers of threads and fences -----------===//
#include "Block.h"
#include "Instructions.h"

using namespace mlir::lowbit::sim;

extern "C" {
/// `count` 0: all threads. `reduction`: 0 none, 1 how many predicates hold, 2 whether all do, 3 whether any does.
static uint32_t lowbit_sim_barrier(const Site *site, uint32_t number, uint32_t count, uint32_t reduction, uint32_t predicate) {
  Block &block = running();
  block.syncThreads(site, number, count, /*waits=*/true, predicate);
  const uint64_t sum = block.barriers[number].result, all = count ? count : block.count;
  return static_cast<uint32_t>(reduction == 2 ? sum == all : reduction == 3 ? sum != 0 : sum);
}

static void lowbit_sim_barrier_arrive(const Site *site, uint32_t number, uint32_t count) {
  running().syncThreads(site, number, count, /*waits=*/false);
}

static void lowbit_sim_warp_barrier(const Site *site, uint32_t mask) {
  Block &block = running();
  char frame = 0;
  block.meetWarp(site, mask, &frame, [&](char *const *) {
    Clocks::Message message;
    block.clocks.clear(message);
    const uint32_t first = block.thread().index - block.lane();
    for (uint32_t rest = mask; rest; rest &= rest - 1)
      block.clocks.release(first + static_cast<uint32_t>(__builtin_ctz(rest)), message);
    for (uint32_t rest = mask; rest; rest &= rest - 1)
      block.clocks.acquire(first + static_cast<uint32_t>(__builtin_ctz(rest)), message);
  });
}

/// fence.proxy.async
static void lowbit_sim_fence_proxy() {
  Block &block = running();
  const uint32_t thread = block.thread().index;
  block.clocks.fence(thread);
  block.mbarriers.forEach([&](Mbarrier &mbarrier) { mbarrier.isFenced |= mbarrier.init.agent == thread; });
}

/// fence.mbarrier.init
static void lowbit_sim_fence_mbarriers() {
  Block &block = running();
  const uint32_t thread = block.thread().index;
  block.mbarriers.forEach([&](Mbarrier &mbarrier) { mbarrier.isFenced |= mbarrier.init.agent == thread; });
}
}

void mlir::lowbit::sim::addBarrierSymbols(Symbols &symbols) {
  LOWBIT_SIM_SYMBOL(symbols, lowbit_sim_barrier);
  LOWBIT_SIM_SYMBOL(symbols, lowbit_sim_barrier_arrive);
  LOWBIT_SIM_SYMBOL(symbols, lowbit_sim_warp_barrier);
  LOWBIT_SIM_SYMBOL(symbols, lowbit_sim_fence_proxy);
  LOWBIT_SIM_SYMBOL(symbols, lowbit_sim_fence_mbarriers);
}
