//===- BlockBarriers.cpp - bar.sync ---------------------------------------===//
// Law: who leaves a barrier has seen all that was done before it by those who came to it.

#include "Block.h"
#include <algorithm>

namespace mlir::lowbit::sim {

void Block::syncThreads(const Site *site, uint32_t number, uint32_t expected, bool waits, uint32_t predicate) {
  if (number >= kBarriers)
    stop(Finding::Illegal, site, "barrier " + std::to_string(number) + "; a block has barriers 0 to 15");
  if (expected % kLanes || expected > count)
    stop(Finding::Illegal, site,
         "a barrier of " + std::to_string(expected) + " threads; expected a multiple of 32, at most those of the block, " +
             std::to_string(count));
  NamedBarrier &barrier = barriers[number];
  if (barrier.arrived && barrier.expected != expected)
    stop(Finding::Divergence, site, "others came to this barrier with another number of threads");
  if (!barrier.arrived) {
    barrier.expected = expected;
    barrier.isPlain = true;
    barrier.sum = 0;
  }
  const bool wasPlain = barrier.isPlain;
  barrier.isPlain &= waits && (expected == 0 || expected == count);
  // A barrier of all threads needs no messages; what came before it turned out not to be one is told now.
  if (!barrier.isPlain) {
    if (wasPlain) {
      clocks.clear(barrier.message);
      for (uint32_t waiting : barrier.waiting)
        clocks.release(waiting, barrier.message);
    }
    clocks.release(current->index, barrier.message);
  }
  ++barrier.arrived;
  barrier.sum += predicate != 0;
  if (!waits) {
    checkBarrier(barrier);
    return;
  }
  current->unfencedWait = site;
  barrier.waiting.push_back(current->index);
  const uint32_t all = barrier.expected ? barrier.expected : count - ended;
  if (barrier.arrived == all) {
    barrier.waiting.pop_back();
    finishBarrier(barrier);
    if (!barrier.isPlain)
      clocks.acquire(current->index, barrier.message);
    return;
  }
  wait(Wait::Barrier, site, number);
}

void Block::finishBarrier(NamedBarrier &barrier) {
  // Threads that have ended did all they did before.
  if (barrier.isPlain)
    clocks.synchronize();
  barrier.result = barrier.sum;
  barrier.arrived = 0;
  for (uint32_t index : barrier.waiting) {
    if (!barrier.isPlain)
      clocks.acquire(index, barrier.message);
    wake(index);
  }
  barrier.waiting.clear();
}

/// When an arrival or the end of a thread may have been what the others waited for.
void Block::checkBarrier(NamedBarrier &barrier) {
  if (barrier.arrived && barrier.arrived == (barrier.expected ? barrier.expected : count - ended))
    finishBarrier(barrier);
}

} // namespace mlir::lowbit::sim
