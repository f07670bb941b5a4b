//===- Barriers.cpp - mbarrier --------------------------------------------===//
#include "lowbit/Execution/Sim/Barriers.h"
#include <cstring>

namespace mlir::lowbit::sim {

struct Barrier::Fields {
  uint64_t pending : 20, expected : 20;
  int64_t bytes : 21;
  uint64_t phase : 1, unused : 2;

  void endPhaseIfDone() {
    if (pending || bytes)
      return;
    pending = expected;
    phase ^= 1;
  }
};

template <typename To, typename From> static To copyBits(const From &from) {
  static_assert(sizeof(To) == sizeof(From));
  To to;
  std::memcpy(&to, &from, sizeof to);
  return to;
}

Barrier::Fields Barrier::load() const {
  Fields fields;
  std::memcpy(&fields, bytes, sizeof fields);
  return fields;
}

void Barrier::store(Fields fields) { std::memcpy(bytes, &fields, sizeof fields); }

Illegal Barrier::init(uint32_t arrivals) {
  if (arrivals == 0 || arrivals > kMaxArrivals)
    return "an mbarrier expects 1 to 2^20 - 1 arrivals";
  Fields fields = {};
  fields.pending = fields.expected = arrivals;
  store(fields);
  return nullptr;
}

Illegal Barrier::arrive(uint32_t count, uint64_t &state, bool drop) {
  Fields fields = load();
  state = copyBits<uint64_t>(fields);
  if (count == 0 || count > fields.pending)
    return "more arrivals at an mbarrier than are pending, or none";
  fields.pending -= count;
  if (drop)
    fields.expected -= count;
  fields.endPhaseIfDone();
  store(fields);
  return nullptr;
}

Illegal Barrier::addBytes(int64_t count) {
  Fields fields = load();
  const int64_t sum = fields.bytes + count;
  if (sum < -kMaxBytes || sum > kMaxBytes)
    return "an mbarrier waits for fewer than 2^20 bytes";
  fields.bytes = sum;
  fields.endPhaseIfDone();
  store(fields);
  return nullptr;
}

Illegal Barrier::expectBytes(uint32_t count) { return addBytes(count); }

Illegal Barrier::completeBytes(uint32_t count) { return addBytes(-static_cast<int64_t>(count)); }

bool Barrier::testParity(uint32_t parity) const { return load().phase != (parity & 1); }

bool Barrier::testState(uint64_t state) const { return load().phase != copyBits<Fields>(state).phase; }

uint32_t Barrier::getPending(uint64_t state) { return copyBits<Fields>(state).pending; }

} // namespace mlir::lowbit::sim
