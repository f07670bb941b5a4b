//===- Banks.cpp - how often the banks of shared memory are read ----------===//
// Law: 32 lanes at once where each has up to four bytes, 16 with eight, 8 with sixteen. Words of one bank that are not the same word come
// one after the other.

#include "Banks.h"
#include <algorithm>

namespace mlir::lowbit::sim {

void Banks::count(const Access &access, MachineCounts &counts) {
  constexpr uint32_t word = 4, banks = 32;
  const uint32_t together = kLanes / std::clamp<uint32_t>(access.bytes / word, 1, 4);
  for (uint32_t begin = 0; begin < kLanes; begin += together) {
    std::vector<uint32_t> words;
    for (uint32_t lane = begin; lane < begin + together; ++lane)
      if (access.lanes >> lane & 1)
        for (uint32_t i = access.offsets[lane] / word; i <= (access.offsets[lane] + access.bytes - 1) / word; ++i)
          words.push_back(i);
    if (words.empty())
      continue;
    std::sort(words.begin(), words.end());
    words.erase(std::unique(words.begin(), words.end()), words.end());
    uint32_t users[banks] = {};
    for (uint32_t i : words)
      ++users[i % banks];
    ++counts.accesses;
    counts.accessPhases += *std::max_element(users, users + banks);
  }
}

void Banks::access(const Site *site, uint32_t warp, uint32_t lane, uint32_t offset, uint32_t bytes, MachineCounts &counts) {
  Place &place = places[{site, warp}];
  const uint32_t time = place.times[lane]++ - place.first;
  if (time >= place.pending.size())
    place.pending.resize(time + 1);
  Access &access = place.pending[time];
  access.lanes |= 1u << lane;
  access.bytes = bytes;
  access.offsets[lane] = offset;
  while (!place.pending.empty() && place.pending.front().lanes == ~0u) {
    count(place.pending.front(), counts);
    place.pending.pop_front();
    ++place.first;
  }
}

void Banks::finish(MachineCounts &counts) {
  for (auto &[key, place] : places)
    for (const Access &access : place.pending)
      count(access, counts);
  places.clear();
}

} // namespace mlir::lowbit::sim
