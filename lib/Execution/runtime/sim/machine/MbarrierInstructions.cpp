//===- MbarrierInstructions.cpp - mbarrier.* ------------------------------===//
// Law: copies that an mbarrier counts are done only when a thread cannot go on without them.

#include "Block.h"
#include "Bulk.h"
#include "Instructions.h"
#include <algorithm>

namespace mlir::lowbit::sim {

Mbarrier &findMbarrier(Block &block, const Site *site, void *address) {
  block.getShared(site, address, 8, "the mbarrier");
  if (reinterpret_cast<uintptr_t>(address) % 8)
    block.stop(Finding::Misaligned, site, "an mbarrier lies at a multiple of 8");
  Mbarrier *mbarrier = block.mbarriers.find(static_cast<uint8_t *>(address));
  if (!mbarrier)
    block.stop(Finding::Illegal, site,
               "there is no mbarrier at " + std::to_string(block.arena.toShared(address)) + "; `mbarrier.init` makes one");
  if (!block.clocks.isOrdered(mbarrier->init, block.thread().index))
    block.report(Finding::Race, site,
                 "the mbarrier is used, and nothing says that its init comes first: " + block.describe(mbarrier->init));
  return *mbarrier;
}

/// Does `change` to the barrier's bits; if that ends the phase, those who wait go on.
template <typename Change> static void changeMbarrier(Block &block, const Site *site, Mbarrier &mbarrier, Change change) {
  Barrier barrier(mbarrier.bytes);
  const bool before = barrier.testParity(0);
  block.check(site, change(barrier));
  ++block.progress;
  if (before == barrier.testParity(0))
    return;
  const unsigned agent = block.clocks.mbarrier(mbarrier.index);
  mbarrier.pending.seen[agent] = block.clocks.advance(agent);
  Clocks::join(mbarrier.released, mbarrier.pending);
  block.clocks.clear(mbarrier.pending);
  block.wakeAll(mbarrier.waiting);
}

/// Does one of the copies that the mbarrier counts; false when there is none.
static bool deliver(Block &block, Mbarrier &mbarrier) {
  if (!mbarrier.copies.empty()) {
    const size_t which = block.options.order == Order::Reverse ? mbarrier.copies.size() - 1 : 0;
    const BulkCopy copy = mbarrier.copies[which];
    mbarrier.copies.erase(mbarrier.copies.begin() + which);
    block.check(copy.site, loadBulk(block, copy));
    changeMbarrier(block, copy.site, mbarrier, [&](Barrier &barrier) { return barrier.completeBytes(copy.bytes); });
    return true;
  }
  if (mbarrier.arrivals.empty())
    return false;
  const LateArrival arrival = mbarrier.arrivals.front();
  mbarrier.arrivals.erase(mbarrier.arrivals.begin());
  if (arrival.isTensor)
    completeTensor(block, arrival.end);
  else
    block.threads[arrival.thread].copies.complete(arrival.end, [&](const AsyncCopy &copy, uint32_t) {
      block.check(arrival.site, copyAsync(copy.target, copy.source, copy.size, copy.read));
    });
  uint32_t &seen = mbarrier.pending.seen[arrival.isTensor ? block.clocks.tensor() : block.clocks.copiesOf(arrival.thread)];
  seen = std::max(seen, arrival.end);
  uint64_t state;
  changeMbarrier(block, arrival.site, mbarrier, [&](Barrier &barrier) { return barrier.arrive(1, state); });
  return true;
}

/// Whether what is waited for has happened; a copy that it waits for is done first.
static bool isDone(Block &block, const Site *site, Mbarrier &mbarrier, uint64_t value, bool isState) {
  const Barrier barrier(mbarrier.bytes);
  auto test = [&] { return isState ? barrier.testState(value) : barrier.testParity(static_cast<uint32_t>(value)); };
  while (!test())
    if (!deliver(block, mbarrier))
      return false;
  block.clocks.acquire(block.thread().index, mbarrier.released);
  block.thread().unfencedWait = site;
  return true;
}

} // namespace mlir::lowbit::sim

using namespace mlir::lowbit::sim;

extern "C" {
static void lowbit_sim_mbarrier_init(const Site *site, void *address, uint32_t arrivals) {
  Block &block = running();
  block.getShared(site, address, 8, "the mbarrier");
  const Access access = block.makeAccess(site, /*isWrite=*/true);
  block.access(site, address, 8, /*isWrite=*/true, 8);
  auto *bytes = static_cast<uint8_t *>(address);
  Mbarrier *mbarrier = block.mbarriers.find(bytes);
  if (!mbarrier)
    mbarrier = block.mbarriers.add(bytes);
  if (!mbarrier)
    block.stop(Finding::Illegal, site, "more than " + std::to_string(Clocks::kMbarriers) + " mbarriers in a block");
  if (!mbarrier->waiting.empty() || !mbarrier->copies.empty())
    block.stop(Finding::Illegal, site, "the mbarrier is in use");
  mbarrier->init = {site, access.clock, static_cast<uint16_t>(access.agent)};
  mbarrier->isFenced = false;
  mbarrier->arrivals.clear();
  block.clocks.clear(mbarrier->pending);
  block.clocks.clear(mbarrier->released);
  block.check(site, Barrier(bytes).init(arrivals));
}

static uint64_t lowbit_sim_mbarrier_arrive(const Site *site, void *address, uint32_t count, uint32_t drop) {
  Block &block = running();
  Mbarrier &mbarrier = findMbarrier(block, site, address);
  block.clocks.release(block.thread().index, mbarrier.pending);
  uint64_t state = 0;
  changeMbarrier(block, site, mbarrier, [&](Barrier &barrier) { return barrier.arrive(count, state, drop != 0); });
  return state;
}

/// `bytes` may be negative: complete_tx.
static void lowbit_sim_mbarrier_expect(const Site *site, void *address, int32_t bytes) {
  Block &block = running();
  changeMbarrier(block, site, findMbarrier(block, site, address), [&](Barrier &barrier) {
    return bytes < 0 ? barrier.completeBytes(static_cast<uint32_t>(-bytes)) : barrier.expectBytes(static_cast<uint32_t>(bytes));
  });
}

/// Waits until the phase has ended; `isState`: the one of the arrival that gave `value`, else of that parity.
static void lowbit_sim_mbarrier_wait(const Site *site, void *address, uint64_t value, uint32_t isState) {
  Block &block = running();
  Mbarrier &mbarrier = findMbarrier(block, site, address);
  while (!isDone(block, site, mbarrier, value, isState != 0)) {
    mbarrier.waiting.push_back(block.thread().index);
    block.wait(Wait::Mbarrier, site, block.arena.toShared(address));
  }
}

static uint32_t lowbit_sim_mbarrier_test(const Site *site, void *address, uint64_t value, uint32_t isState) {
  // Threads that only ask would go on asking for ever when nobody else can: after so many turns of all it counts as waiting.
  constexpr unsigned kTurns = 64;
  Block &block = running();
  Mbarrier &mbarrier = findMbarrier(block, site, address);
  if (isDone(block, site, mbarrier, value, isState != 0))
    return 1;
  Thread &thread = block.thread();
  if (thread.detail != block.progress || thread.site != site) {
    thread.detail = block.progress;
    thread.site = site;
    thread.idleTurns = 0;
  }
  if (++thread.idleTurns > kTurns) {
    lowbit_sim_mbarrier_wait(site, address, value, isState);
    return 1;
  }
  block.yield();
  return 0;
}

/// cp.async.mbarrier.arrive.noinc
static void lowbit_sim_copy_arrive(const Site *site, void *address) {
  Block &block = running();
  Mbarrier &mbarrier = findMbarrier(block, site, address);
  Thread &thread = block.thread();
  block.clocks.release(thread.index, mbarrier.pending);
  mbarrier.arrivals.push_back({site, thread.index, thread.copies.getStarted()});
  // Those who wait already do what is to be done.
  block.wakeAll(mbarrier.waiting);
}
}

void mlir::lowbit::sim::addMbarrierSymbols(Symbols &symbols) {
  LOWBIT_SIM_SYMBOL(symbols, lowbit_sim_mbarrier_init);
  LOWBIT_SIM_SYMBOL(symbols, lowbit_sim_mbarrier_arrive);
  LOWBIT_SIM_SYMBOL(symbols, lowbit_sim_mbarrier_expect);
  LOWBIT_SIM_SYMBOL(symbols, lowbit_sim_mbarrier_wait);
  LOWBIT_SIM_SYMBOL(symbols, lowbit_sim_mbarrier_test);
  LOWBIT_SIM_SYMBOL(symbols, lowbit_sim_copy_arrive);
}
