//===- Banks.h - how often the banks of shared memory are read ------------===//
#ifndef LOWBIT_SIM_MACHINE_BANKS_H
#define LOWBIT_SIM_MACHINE_BANKS_H

#include "lowbit/Execution/Sim/Fragments.h"
#include "lowbit/Execution/Sim/Machine.h"
#include <deque>
#include <map>

namespace mlir::lowbit::sim {

/// Plain loads and stores of shared memory. Lanes do not run together here: what each does when it comes to a place for the nth time is
/// taken for one access of the warp.
class Banks {
public:
  /// `offset`: in shared memory. `warp` and `lane` access `bytes` there.
  void access(const Site *site, uint32_t warp, uint32_t lane, uint32_t offset, uint32_t bytes, MachineCounts &counts);
  /// Counts what not all lanes have come to; a block has ended.
  void finish(MachineCounts &counts);

private:
  struct Access {
    uint32_t lanes = 0, bytes = 0; // lanes: a bit for each that has come
    uint32_t offsets[kLanes];
  };
  struct Place {
    uint32_t times[kLanes] = {}, first = 0; // first: which time is at the front of `pending`
    std::deque<Access> pending;
  };
  static void count(const Access &access, MachineCounts &counts);

  std::map<std::pair<const Site *, uint32_t>, Place> places;
};

} // namespace mlir::lowbit::sim

#endif // LOWBIT_SIM_MACHINE_BANKS_H
