//===- Warp.cpp - what lanes tell each other ------------------------------===//
#include "lowbit/Execution/Sim/Warp.h"
#include <algorithm>
#include <cstdlib>

namespace mlir::lowbit::sim {

static bool has(uint32_t mask, unsigned lane) { return mask >> lane & 1; }

template <typename Function> static void forEachLane(uint32_t mask, Function function) {
  for (unsigned lane = 0; lane < kLanes; ++lane)
    if (has(mask, lane))
      function(lane);
}

void shuffle(Shuffle mode, uint32_t mask, Reads in, Writes out) {
  // Sources are read before anything is written: a lane's registers in and out may be the same.
  uint32_t values[kLanes] = {};
  forEachLane(mask, [&](unsigned lane) { values[lane] = in[lane][0]; });
  forEachLane(mask, [&](unsigned lane) {
    const unsigned b = in[lane][1] & 31, clamp = in[lane][2] & 31, segment = in[lane][2] >> 8 & 31;
    const int last = (lane & segment) | (clamp & ~segment), first = lane & segment;
    int source = 0;
    bool inRange = false;
    switch (mode) {
    case Shuffle::Up:
      source = static_cast<int>(lane - b);
      inRange = source >= last;
      break;
    case Shuffle::Down:
      source = static_cast<int>(lane + b);
      inRange = source <= last;
      break;
    case Shuffle::Butterfly:
      source = static_cast<int>(lane ^ b);
      inRange = source <= last;
      break;
    case Shuffle::Index:
      source = static_cast<int>(first | (b & ~segment));
      inRange = source <= last;
      break;
    }
    out[lane][0] = values[inRange ? source : lane];
    out[lane][1] = inRange;
  });
}

void vote(Vote mode, uint32_t mask, Reads in, Writes out) {
  uint32_t ballot = 0;
  forEachLane(mask, [&](unsigned lane) { ballot |= static_cast<uint32_t>(in[lane][0] != 0) << lane; });
  const bool all = ballot == mask, any = ballot != 0;
  const uint32_t answer = mode == Vote::Ballot ? ballot : mode == Vote::Any ? any : mode == Vote::All ? all : all || !any;
  forEachLane(mask, [&](unsigned lane) { out[lane][0] = answer; });
}

static uint32_t combine(Reduction operation, uint32_t a, uint32_t b) {
  switch (operation) {
  case Reduction::Add:
    return a + b;
  case Reduction::MinSigned:
    return static_cast<uint32_t>(std::min(static_cast<int32_t>(a), static_cast<int32_t>(b)));
  case Reduction::MaxSigned:
    return static_cast<uint32_t>(std::max(static_cast<int32_t>(a), static_cast<int32_t>(b)));
  case Reduction::MinUnsigned:
    return std::min(a, b);
  case Reduction::MaxUnsigned:
    return std::max(a, b);
  case Reduction::And:
    return a & b;
  case Reduction::Or:
    return a | b;
  case Reduction::Xor:
    return a ^ b;
  }
  std::abort();
}

void reduce(Reduction operation, uint32_t mask, Reads in, Writes out) {
  bool isFirst = true;
  uint32_t result = 0;
  forEachLane(mask, [&](unsigned lane) {
    result = isFirst ? in[lane][0] : combine(operation, result, in[lane][0]);
    isFirst = false;
  });
  forEachLane(mask, [&](unsigned lane) { out[lane][0] = result; });
}

void matchAny(uint32_t mask, Reads in, Writes out) {
  uint32_t values[kLanes] = {};
  forEachLane(mask, [&](unsigned lane) { values[lane] = in[lane][0]; });
  forEachLane(mask, [&](unsigned lane) {
    uint32_t equal = 0;
    forEachLane(mask, [&](unsigned other) { equal |= static_cast<uint32_t>(values[other] == values[lane]) << other; });
    out[lane][0] = equal;
  });
}

void matchAll(uint32_t mask, Reads in, Writes out) {
  const unsigned first = mask ? __builtin_ctz(mask) : 0;
  bool same = true;
  forEachLane(mask, [&](unsigned lane) { same &= in[lane][0] == in[first][0]; });
  forEachLane(mask, [&](unsigned lane) {
    out[lane][0] = same ? mask : 0;
    out[lane][1] = same;
  });
}

void elect(uint32_t mask, Writes out) {
  const unsigned first = mask ? __builtin_ctz(mask) : 0;
  forEachLane(mask, [&](unsigned lane) {
    out[lane][0] = first;
    out[lane][1] = lane == first;
  });
}

} // namespace mlir::lowbit::sim
