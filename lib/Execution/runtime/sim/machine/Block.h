//===- Block.h - the block that is running --------------------------------===//
//
// One block runs at a time in a thread of the host. Instructions of lowered kernels (the other files here) find it by `running()`.
//
//===----------------------------------------------------------------------===//
#ifndef LOWBIT_SIM_MACHINE_BLOCK_H
#define LOWBIT_SIM_MACHINE_BLOCK_H

#include "Arena.h"
#include "Banks.h"
#include "Clocks.h"
#include "Fiber.h"
#include "GlobalShadow.h"
#include "Mbarriers.h"
#include "Meeting.h"
#include "Products.h"
#include "Queues.h"
#include "Reports.h"
#include "TensorCells.h"

namespace mlir::lowbit::sim {

/// A thread's count of wgmma.fence's before the first.
constexpr uint32_t kNoFence = 1;

enum class Wait : uint8_t { None, Warp, Group, Barrier, Mbarrier, Ended };

struct Thread {
  Fiber fiber;
  uint32_t index = 0, id[3] = {};
  Wait wait = Wait::None;
  const Site *site = nullptr;         ///< Where it waits.
  uint64_t detail = 0;                ///< What it waits for: a barrier's number, an mbarrier's address.
  CopyQueue copies;                   ///< cp.async
  StoreQueue stores;                  ///< bulk copies from shared to global memory
  ProductQueue products;              ///< groups of wgmma
  uint32_t registerFences = kNoFence; ///< wgmma.fence's, from there on.
  uint32_t idleTurns = 0;             ///< That it asked an mbarrier and nothing had happened.
  const Site *unfencedWait = nullptr; ///< Its last wait, without a tcgen05.fence::after_thread_sync since.
};

struct Warp {
  uint32_t present = 0, ended = 0; ///< Masks of lanes.
  uint32_t fenced = 0;             ///< Lanes that have come to tcgen05.fence::before_thread_sync, until all have.
  std::vector<TensorLoad> loads;   ///< tcgen05.ld that it has not waited for.
  Meetings<kLanes> meetings;
};

/// bar.sync of one number.
struct NamedBarrier {
  uint32_t arrived = 0;  ///< Threads, also those that did not wait.
  uint32_t expected = 0; ///< 0: all threads that have not ended.
  bool isPlain = true;   ///< All of the block, all waiting.
  std::vector<uint32_t> waiting;
  Clocks::Message message;
  uint64_t sum = 0; ///< Of the predicates, for reductions.
  uint64_t result = 0;
};

class Block {
public:
  static constexpr unsigned kMaxThreads = 1024, kBarriers = 16;

  /// Runs all threads of the block at `place` to their end. False when it was stopped.
  bool run(const Kernel &kernel, const uint32_t (&place)[3]);
  bool prepare(const uint32_t (&grid)[3], const uint32_t (&block)[3], uint32_t sharedBytes, void **parameters,
               const MachineOptions &options, const MemoryRanges *memory);

  Thread &thread() { return *current; }
  Warp &warp() { return warps[current->index / kLanes]; }
  unsigned lane() const { return current->index % kLanes; }

  /// Lets others run until something calls `wake` for the thread.
  void wait(Wait reason, const Site *site, uint64_t detail = 0);
  void wake(uint32_t index);
  /// All of a list, which is empty then.
  void wakeAll(std::vector<uint32_t> &waiting);
  /// Lets others run; goes on in its turn.
  void yield();

  /// Meets the other lanes of `mask`; the last to arrive does `action(frames of the lanes)` for all.
  template <typename Frame, typename Action> void meetWarp(const Site *site, uint32_t mask, Frame *frame, Action action);
  /// The same for the 128 threads of a warpgroup.
  template <typename Frame, typename Action> void meetGroup(const Site *site, Frame *frame, Action action);

  /// Follows an access to memory, wherever it is. Shared memory is meant if the address is there.
  void access(const Site *site, const void *address, uint64_t bytes, bool isWrite, uint32_t alignment = 1, bool isAtomic = false);
  /// One in shared memory by somebody else than the running thread.
  void accessShared(const Access &access, const void *address, uint64_t bytes);
  void accessGlobal(const Access &access, const void *address, uint64_t bytes, bool isAtomic = false);
  /// The offset of [address, address + bytes) in shared memory; stops when it is not there.
  uint32_t getShared(const Site *site, const void *address, uint64_t bytes, const char *what);
  Access makeAccess(const Site *site, bool isWrite) const {
    return {site, current->index, current->index, clocks.getTime(current->index), isWrite};
  }

  void syncThreads(const Site *site, uint32_t number, uint32_t count, bool waits, uint32_t predicate = 0);

  /// Reports something that is wrong, and goes on.
  void report(Finding::Kind kind, const Site *site, const std::string &what);
  /// Reports what would stop a GPU, and leaves the block for good.
  [[noreturn]] void stop(Finding::Kind kind, const Site *site, const std::string &what);
  [[noreturn]] void leave();
  void check(const Site *site, Illegal why) {
    if (why)
      stop(Finding::Illegal, site, why);
  }
  std::string describe(uint32_t index) const;
  std::string describe(const Stamp &stamp) const;

  uint32_t grid[3], extent[3], place[3];
  uint32_t count = 0; ///< Threads.
  void **parameters = nullptr;
  MachineOptions options;
  const Kernel *kernel = nullptr;
  const MemoryRanges *memory = nullptr;
  Arena arena;
  Clocks clocks;
  SharedShadow sharedShadow;
  GlobalShadow globalShadow;
  Reports reports;
  Mbarriers mbarriers;
  std::vector<Thread> threads;
  std::vector<Warp> warps;
  std::vector<WarpGroup> groups;
  NamedBarrier barriers[kBarriers];
  TensorCells tensor;
  Banks banks;
  MachineCounts counts;
  uint64_t progress = 0; ///< Grows when anything happens that another thread could wait for.

private:
  static void enter(void *thread);
  void end();
  void goOn();
  Thread *pick();
  void diverge(const Site *site, const Site *other, uint32_t mask);
  void finishBarrier(NamedBarrier &barrier);
  void checkBarrier(NamedBarrier &barrier);
  void reportDeadlock();
  void checkLeftovers();
  void reportConflict(const Access &access, const Conflict &conflict, const char *memory, uint32_t otherBlock);
  uint32_t nextRandom() {
    random ^= random << 13;
    random ^= random >> 7;
    random ^= random << 17;
    return static_cast<uint32_t>(random >> 32);
  }

  Fiber host;
  Stacks stacks;
  Thread *current = nullptr;
  uint32_t ready[kMaxThreads / kLanes] = {}, readyWarps = 0;
  uint32_t ended = 0;
  bool stopped = false;
  uint64_t random = 1;
  const std::pair<const uint8_t *, uint64_t> *lastRange = nullptr;
};

/// The block that this thread of the host runs.
Block &running();

template <typename Frame, typename Action> void Block::meetWarp(const Site *site, uint32_t mask, Frame *frame, Action action) {
  Warp &warp = this->warp();
  if (mask >> lane() % kLanes & 1) {
    if (mask & ~warp.present)
      stop(Finding::Divergence, site, "lanes that the block does not have are to take part: its threads are no multiple of 32");
    if (mask & warp.ended)
      stop(Finding::Divergence, site, "lanes of its warp have ended already");
  } else {
    stop(Finding::Divergence, site, "the lane is not in the mask of those that take part");
  }
  auto *meeting = warp.meetings.find(mask);
  if (meeting->arrived && meeting->site != site)
    diverge(site, meeting->site, mask);
  meeting->site = site;
  meeting->frames[lane()] = frame;
  meeting->arrived |= 1u << lane();
  if (meeting->arrived != mask) {
    wait(Wait::Warp, site, mask);
    return;
  }
  const uint32_t others = mask & ~(1u << lane());
  void *frames[kLanes];
  for (unsigned i = 0; i < kLanes; ++i)
    frames[i] = mask >> i & 1 ? meeting->frames[i] : nullptr;
  meeting->arrived = 0;
  action(reinterpret_cast<Frame *const *>(frames));
  const unsigned agent = clocks.warp(current->index / kLanes);
  clocks.advance(agent);
  const uint32_t first = current->index - lane();
  for (uint32_t rest = others; rest; rest &= rest - 1)
    wake(first + static_cast<uint32_t>(__builtin_ctz(rest)));
}

template <typename Frame, typename Action> void Block::meetGroup(const Site *site, Frame *frame, Action action) {
  const uint32_t index = current->index / kGroupThreads, first = index * kGroupThreads;
  WarpGroup &group = groups[index];
  if (first + kGroupThreads > count)
    stop(Finding::Divergence, site, "a warpgroup has 128 threads, and the block has no multiple of them");
  if (group.arrived && group.site != site)
    diverge(site, group.site, 0);
  group.site = site;
  group.frames[current->index - first] = frame;
  if (++group.arrived != kGroupThreads) {
    wait(Wait::Group, site);
    return;
  }
  group.arrived = 0;
  void *frames[kGroupThreads];
  for (unsigned i = 0; i < kGroupThreads; ++i)
    frames[i] = group.frames[i];
  action(reinterpret_cast<Frame *const *>(frames), group);
  for (uint32_t i = 0; i < kGroupThreads; ++i)
    if (first + i != current->index)
      wake(first + i);
}

} // namespace mlir::lowbit::sim

#endif // LOWBIT_SIM_MACHINE_BLOCK_H
