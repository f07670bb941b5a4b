//===- Barriers.h - mbarrier ----------------------------------------------===//
//
// A phase ends when no arrivals and no bytes are pending. The GPU says nothing of the 64 bits; here they are pending arrivals,
// expected arrivals, bytes, and the phase.
//
//===----------------------------------------------------------------------===//
#ifndef LOWBIT_EXECUTION_SIM_BARRIERS_H
#define LOWBIT_EXECUTION_SIM_BARRIERS_H

#include "lowbit/Execution/Sim/Fragments.h"

namespace mlir::lowbit::sim {

class Barrier {
public:
  static constexpr uint32_t kMaxArrivals = (1u << 20) - 1;
  static constexpr int32_t kMaxBytes = (1 << 20) - 1;

  /// The barrier at 8 bytes of shared memory, which stay where they are.
  explicit Barrier(void *bytes) : bytes(bytes) {}

  Illegal init(uint32_t arrivals);

  /// `state` becomes what the barrier was before the arrival, for testState and getPending. `drop` also takes the arrivals from all
  /// later phases.
  Illegal arrive(uint32_t count, uint64_t &state, bool drop = false);

  /// More bytes, or fewer, until the phase can end.
  Illegal expectBytes(uint32_t count);
  Illegal completeBytes(uint32_t count);

  /// Has the phase of this parity ended? True also of the phase before the first, whose parity is 1.
  bool testParity(uint32_t parity) const;
  bool testState(uint64_t state) const;

  /// Arrivals that were missing before the arrival that gave `state`.
  static uint32_t getPending(uint64_t state);

private:
  struct Fields;
  Illegal addBytes(int64_t count);
  Fields load() const;
  void store(Fields fields);
  void *bytes;
};

} // namespace mlir::lowbit::sim

#endif // LOWBIT_EXECUTION_SIM_BARRIERS_H
