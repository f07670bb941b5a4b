//===- Block.cpp - threads of a block take turns --------------------------===//
// Law: a thread runs until it has to wait for another; when all wait, the block is dead and each one's place is told.

#include "Block.h"

namespace mlir::lowbit::sim {

static thread_local Block *runningBlock = nullptr;

Block &running() { return *runningBlock; }

bool Block::prepare(const uint32_t (&gridSize)[3], const uint32_t (&blockSize)[3], uint32_t sharedBytes, void **arguments,
                    const MachineOptions &wanted, const MemoryRanges *ranges) {
  for (unsigned d = 0; d < 3; ++d) {
    grid[d] = gridSize[d];
    extent[d] = blockSize[d];
  }
  parameters = arguments;
  options = wanted;
  memory = ranges && !ranges->empty() ? ranges : nullptr;
  lastRange = nullptr;
  random = options.seed * 0x9E3779B97F4A7C15ull + 1;
  count = extent[0] * extent[1] * extent[2];
  if (!arena.reserve() || !stacks.reserve(count))
    return false;
  arena.reset(sharedBytes);
  clocks.reset(count);
  sharedShadow.reset(sharedBytes);
  globalShadow.clear();
  if (threads.size() < count)
    threads.resize(count); // none runs, so none moves while it does
  warps.resize((count + kLanes - 1) / kLanes);
  groups.resize((count + kGroupThreads - 1) / kGroupThreads);
  return true;
}

void Block::enter(void *argument) {
  auto *thread = static_cast<Thread *>(argument);
  Block &block = running();
  (void)thread;
  block.kernel->run(block.parameters);
  block.end();
}

bool Block::run(const Kernel &what, const uint32_t (&where)[3]) {
  runningBlock = this;
  kernel = &what;
  for (unsigned d = 0; d < 3; ++d)
    place[d] = where[d];
  arena.reset(arena.getSize());
  clocks.beginBlock();
  globalShadow.beginBlock(where[0] + grid[0] * (where[1] + grid[1] * where[2]));
  mbarriers.reset();
  stopped = false;
  ended = readyWarps = 0;
  for (NamedBarrier &barrier : barriers) {
    barrier.arrived = barrier.expected = 0;
    barrier.isPlain = true;
    barrier.waiting.clear();
    barrier.sum = 0;
  }
  for (uint32_t i = 0; i < warps.size(); ++i) {
    const uint32_t lanes = std::min(count - i * kLanes, kLanes);
    warps[i].present = lanes == kLanes ? ~0u : (1u << lanes) - 1;
    warps[i].ended = warps[i].fenced = 0;
    warps[i].loads.clear();
    warps[i].meetings.clear();
    ready[i] = warps[i].present;
    readyWarps |= 1u << i;
  }
  tensor.reset(clocks.getTime(clocks.tensor()));
  for (uint32_t i = 0; i < groups.size(); ++i) {
    groups[i].arrived = 0;
    groups[i].products.reset(clocks.getTime(clocks.group(i)));
  }
  for (uint32_t i = 0; i < count; ++i) {
    Thread &thread = threads[i];
    thread.index = i;
    thread.id[0] = i % extent[0];
    thread.id[1] = i / extent[0] % extent[1];
    thread.id[2] = i / extent[0] / extent[1];
    thread.wait = Wait::None;
    thread.copies.reset(clocks.getTime(clocks.copiesOf(i)));
    thread.stores.reset(clocks.getTime(clocks.storesOf(i)));
    thread.products.ends.clear();
    thread.products.issued = clocks.getTime(clocks.group(i / kGroupThreads));
    thread.registerFences = kNoFence;
    thread.unfencedWait = nullptr;
    thread.fiber.prepare(stacks.getBegin(i), stacks.getEnd(i), enter, &thread);
  }
  current = nullptr;
  current = pick();
  Fiber::change(host, current->fiber);
  if (!stopped && ended != count) {
    reportDeadlock();
    stopped = true;
  }
  if (!stopped)
    checkLeftovers();
  banks.finish(counts);
  ++counts.blocks;
  return !stopped;
}

Thread *Block::pick() {
  if (!readyWarps)
    return nullptr;
  if (!current && options.order != Order::Random)
    return &threads[options.order == Order::Ring ? 0 : count - 1];
  const uint32_t here = current ? current->index : 0;
  uint32_t warp = here / kLanes, lane = here % kLanes;
  auto random = [this](uint32_t mask) {
    for (uint32_t skip = nextRandom() % static_cast<uint32_t>(__builtin_popcount(mask)); skip; --skip)
      mask &= mask - 1;
    return static_cast<uint32_t>(__builtin_ctz(mask));
  };
  if (options.order == Order::Random) {
    if (!(readyWarps >> warp & 1) || nextRandom() % 8 == 0)
      warp = random(readyWarps);
    return &threads[warp * kLanes + random(ready[warp])];
  }
  const bool isRing = options.order == Order::Ring;
  // The bits above `from`, or below it, before the others.
  auto next = [isRing](uint32_t mask, uint32_t from) {
    const uint32_t first = isRing ? mask & ~((2u << from) - 1) : mask & ((1u << from) - 1);
    const uint32_t some = first ? first : mask;
    return static_cast<uint32_t>(isRing ? __builtin_ctz(some) : 31 - __builtin_clz(some));
  };
  if (!(readyWarps >> warp & 1)) {
    warp = next(readyWarps, warp);
    lane = isRing ? kLanes - 1 : 0;
  }
  return &threads[warp * kLanes + next(ready[warp], lane)];
}

/// Leaves the running thread, which has said what it waits for.
void Block::goOn() {
  Thread *from = current, *to = pick();
  if (to == from)
    return;
  ++counts.switches;
  if (!to) {
    Fiber::change(from->fiber, host);
    return;
  }
  current = to;
  Fiber::change(from->fiber, to->fiber);
}

void Block::wait(Wait reason, const Site *site, uint64_t detail) {
  Thread &thread = *current;
  thread.wait = reason;
  thread.site = site;
  thread.detail = detail;
  const uint32_t warp = thread.index / kLanes;
  ready[warp] &= ~(1u << thread.index % kLanes);
  if (!ready[warp])
    readyWarps &= ~(1u << warp);
  goOn();
}

void Block::wake(uint32_t index) {
  threads[index].wait = Wait::None;
  ready[index / kLanes] |= 1u << index % kLanes;
  readyWarps |= 1u << index / kLanes;
  ++progress;
}

void Block::wakeAll(std::vector<uint32_t> &waiting) {
  for (uint32_t index : waiting)
    wake(index);
  waiting.clear();
}

void Block::yield() { goOn(); }

void Block::end() {
  Thread &thread = *current;
  if (const AsyncCopy *copy = thread.copies.getFirst())
    report(Finding::InFlight, copy->site, "the thread ends and has not waited for this copy");
  if (const BulkCopy *copy = thread.stores.getFirst())
    report(Finding::InFlight, copy->site, "the thread ends and has not waited until this copy has read shared memory");
  if (thread.products.issued != clocks.getTime(clocks.group(thread.index / kGroupThreads)))
    if (const Product *product = groups[thread.index / kGroupThreads].products.getFirst())
      report(Finding::InFlight, product->site, "the thread ends and has not waited for this product");
  Warp &warp = this->warp();
  warp.ended |= 1u << lane();
  if (const auto *meeting = warp.meetings.findWaiting(1u << lane()))
    stop(Finding::Divergence, meeting->site, "lanes of the warp wait here for one that has ended");
  ++ended;
  ++progress;
  for (NamedBarrier &barrier : barriers)
    checkBarrier(barrier);
  wait(Wait::Ended, nullptr);
  __builtin_unreachable();
}

void Block::stop(Finding::Kind kind, const Site *site, const std::string &what) {
  report(kind, site, what);
  leave();
}

void Block::leave() {
  stopped = true;
  Fiber::change(current->fiber, host);
  __builtin_unreachable();
}

} // namespace mlir::lowbit::sim
