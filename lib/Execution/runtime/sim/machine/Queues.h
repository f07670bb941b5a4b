//===- Queues.h - copies that a thread has started ------------------------===//
#ifndef LOWBIT_SIM_MACHINE_QUEUES_H
#define LOWBIT_SIM_MACHINE_QUEUES_H

#include "lowbit/Execution/Sim/Copies.h"
#include "lowbit/Execution/Sim/Machine.h"

namespace mlir::lowbit::sim {

/// Work in the order in which it was started, in groups that are waited for; pieces of work are numbered from `begin` on.
template <typename Work> class GroupQueue {
public:
  void reset(uint32_t begin) {
    work.clear();
    ends.clear();
    head = 0;
    started = done = begin;
  }
  /// The number of the new piece.
  uint32_t add(const Work &piece) {
    work.push_back(piece);
    return ++started;
  }
  void commit() { ends.push_back(started); }
  /// The number of the last piece of those groups that are not among the last `most`.
  uint32_t getEnd(uint32_t most) {
    if (ends.size() <= most)
      return done;
    const uint32_t end = ends[ends.size() - most - 1];
    ends.erase(ends.begin(), ends.end() - most);
    return end;
  }
  /// Does action(piece, number) for what is left up to piece `end`.
  template <typename Action> void complete(uint32_t end, Action action) {
    while (static_cast<int32_t>(end - done) > 0 && head != work.size()) {
      ++done;
      action(work[head++], done);
    }
    if (head == work.size()) {
      work.clear();
      head = 0;
    }
  }
  uint32_t getStarted() const { return started; }
  uint32_t getDone() const { return done; }
  /// The first piece that is not done, or null.
  const Work *getFirst() const { return head == work.size() ? nullptr : &work[head]; }

private:
  std::vector<Work> work;
  std::vector<uint32_t> ends;
  size_t head = 0;
  uint32_t started = 0, done = 0;
};

/// cp.async
struct AsyncCopy {
  const Site *site;
  uint8_t *target;
  const uint8_t *source;
  uint32_t size, read;
};

/// A box or a row of bytes between global and shared memory.
struct BulkCopy {
  const Site *site;
  const TensorMap *map; ///< Null for plain bytes.
  int32_t coordinates[TensorMap::kMaxRank];
  uint8_t *shared, *global;
  uint32_t bytes;
  uint32_t thread;
};

using CopyQueue = GroupQueue<AsyncCopy>;
using StoreQueue = GroupQueue<BulkCopy>;

} // namespace mlir::lowbit::sim

#endif // LOWBIT_SIM_MACHINE_QUEUES_H
