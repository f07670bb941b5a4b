//===- GlobalShadow.cpp - who accessed global memory during a launch ------===//
// Law: every access is compared with the last write, and every write with the reads since that are remembered: four of each 16 bytes, of
// which only the last gives way. What two blocks do is never in order. So nothing is reported that did happen in order.

#include "GlobalShadow.h"
#include <algorithm>

namespace mlir::lowbit::sim {

/// Does action(place, count) for parts of [address, address + bytes) that lie within multiples of `size`.
template <typename Action> static void forEachPart(uint64_t address, uint64_t bytes, uint64_t size, Action action) {
  for (const uint64_t end = address + bytes; address < end;) {
    const uint64_t count = std::min(size - address % size, end - address);
    action(address, count);
    address += count;
  }
}

void GlobalShadow::clear() {
  writers.clear();
  readers.clear();
}

bool GlobalShadow::checkWriters(const Clocks &clocks, const Access &access, uint64_t address, uint64_t bytes, bool isAtomic,
                                Conflict &conflict, uint32_t &otherBlock) {
  bool fine = true;
  constexpr uint64_t size = Pages<WriterPage>::kBytes;
  forEachPart(address, bytes, size, [&](uint64_t place, uint64_t count) {
    WriterPage *page = writers.find(place / size, access.isWrite);
    for (uint64_t i = 0; page && i < count; ++i) {
      Writer &writer = page->bytes[place % size + i];
      if (fine && writer.site && !(isAtomic && writer.isAtomic) && !isOrdered(clocks, writer, writer.block - 1, access.thread)) {
        conflict = {{writer.site, writer.clock, writer.agent}, place + i, true, false};
        otherBlock = writer.block - 1;
        fine = false;
      }
      if (access.isWrite)
        writer = {access.site, block + 1, access.clock, static_cast<uint16_t>(access.agent), isAtomic};
    }
  });
  return fine;
}

static uint16_t getMask(uint64_t place, uint64_t count) { return static_cast<uint16_t>(((1u << count) - 1) << place % 16); }

bool GlobalShadow::checkReaders(const Clocks &clocks, const Access &access, uint64_t address, uint64_t bytes, Conflict &conflict,
                                uint32_t &otherBlock) {
  bool fine = true;
  constexpr uint64_t size = Pages<ReaderPage>::kBytes;
  forEachPart(address, bytes, kGranule, [&](uint64_t place, uint64_t count) {
    ReaderPage *page = readers.find(place / size, /*create=*/false);
    if (!page)
      return;
    for (Reader &reader : page->granules[place % size / kGranule]) {
      const uint16_t both = reader.bytes & getMask(place, count);
      if (!both)
        continue;
      if (fine && !isOrdered(clocks, reader, reader.block, access.thread)) {
        const uint64_t first = place / kGranule * kGranule + static_cast<uint64_t>(__builtin_ctz(both));
        conflict = {{reader.site, reader.clock, reader.agent}, first, false, false};
        otherBlock = reader.block;
        fine = false;
      }
      reader.bytes &= static_cast<uint16_t>(~both);
    }
  });
  return fine;
}

void GlobalShadow::addReader(const Clocks &clocks, const Access &access, uint64_t address, uint64_t bytes) {
  constexpr uint64_t size = Pages<ReaderPage>::kBytes;
  forEachPart(address, bytes, kGranule, [&](uint64_t place, uint64_t count) {
    auto &granule = readers.find(place / size, /*create=*/true)->granules[place % size / kGranule];
    const uint16_t mask = getMask(place, count);
    // What comes after the new read comes after all that was in order before it, of the same bytes.
    auto isCovered = [&](const Reader &reader) {
      return !(reader.bytes & ~mask) && (!reader.bytes || (reader.block == block && (reader.agent == access.agent ||
                                                                                     isOrdered(clocks, reader, block, access.thread))));
    };
    Reader *found = std::find_if(std::begin(granule), std::end(granule), isCovered);
    if (found == std::end(granule))
      --found;
    *found = {access.site, block, access.clock, static_cast<uint16_t>(access.agent), mask};
  });
}

bool GlobalShadow::access(const Clocks &clocks, const Access &access, uint64_t address, uint64_t bytes, bool isAtomic, Conflict &conflict,
                          uint32_t &otherBlock) {
  bool fine = checkWriters(clocks, access, address, bytes, isAtomic, conflict, otherBlock);
  if (!access.isWrite)
    addReader(clocks, access, address, bytes);
  else if (fine)
    fine = checkReaders(clocks, access, address, bytes, conflict, otherBlock);
  return fine;
}

} // namespace mlir::lowbit::sim
