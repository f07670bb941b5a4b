//===- Mbarriers.h - the mbarriers of a block -----------------------------===//
#ifndef LOWBIT_SIM_MACHINE_MBARRIERS_H
#define LOWBIT_SIM_MACHINE_MBARRIERS_H

#include "Clocks.h"
#include "Queues.h"
#include "lowbit/Execution/Sim/Barriers.h"

namespace mlir::lowbit::sim {

/// cp.async.mbarrier.arrive and tcgen05.commit: an arrival once a thread's copies, or its products, up to one are done.
struct LateArrival {
  const Site *site;
  uint32_t thread, end;
  bool isTensor = false;
};

struct Mbarrier {
  uint8_t *bytes = nullptr;
  unsigned index = 0;
  Stamp init;               ///< By whom.
  bool isFenced = false;    ///< Its init can be seen by asynchronous copies.
  Clocks::Message pending;  ///< What those who arrived in this phase have seen.
  Clocks::Message released; ///< What those of all phases that ended have seen.
  std::vector<BulkCopy> copies;
  std::vector<LateArrival> arrivals;
  std::vector<uint32_t> waiting;
};

class Mbarriers {
public:
  void reset() { used = 0; }
  /// The one at an address, or null.
  Mbarrier *find(const uint8_t *bytes) {
    for (unsigned i = 0; i < used; ++i)
      if (all[i].bytes == bytes)
        return &all[i];
    return nullptr;
  }
  /// A new one; null when there are too many.
  Mbarrier *add(uint8_t *bytes) {
    if (used == Clocks::kMbarriers)
      return nullptr;
    if (all.size() < Clocks::kMbarriers)
      all.resize(Clocks::kMbarriers); // never moves again
    Mbarrier &added = all[used];
    added.bytes = bytes;
    added.index = used++;
    // A block that was stopped has left something here.
    added.copies.clear();
    added.arrivals.clear();
    added.waiting.clear();
    return &added;
  }
  template <typename Action> void forEach(Action action) {
    for (unsigned i = 0; i < used; ++i)
      action(all[i]);
  }

private:
  std::vector<Mbarrier> all;
  unsigned used = 0;
};

} // namespace mlir::lowbit::sim

#endif // LOWBIT_SIM_MACHINE_MBARRIERS_H
