//===- Shadow.cpp - who accessed which byte of shared memory last ----------===//
// Law: every write is compared with the last write and with all reads since that are not ordered before another of them, up to three;
// every read with the last write. So nothing is reported that did happen in order.

#include "Shadow.h"
#include <algorithm>

namespace mlir::lowbit::sim {

void SharedShadow::reset(uint32_t size) {
  const uint32_t granules = (size + kGranule - 1) / kGranule;
  whole.assign(granules, {});
  parts.assign(granules, 0);
  bytes.clear();
}

bool SharedShadow::touch(const Clocks &clocks, const Access &access, Cell &cell, Conflict &conflict) {
  bool fine = true;
  auto report = [&](const Stamp &other, bool otherIsWrite, bool isUnfenced) {
    if (fine)
      conflict = {other, 0, otherIsWrite, isUnfenced};
    fine = false;
  };
  if (cell.write.site) {
    if (!clocks.isOrdered(cell.write, access.thread))
      report(cell.write, true, false);
    else if (access.isAsync && !access.isWrite && !clocks.isFenced(cell.write, access.thread))
      report(cell.write, true, true);
  }
  const Stamp stamp{access.site, access.clock, static_cast<uint16_t>(access.agent)};
  if (access.isWrite) {
    for (Stamp &read : cell.reads) {
      if (read.site && !clocks.isOrdered(read, access.thread))
        report(read, false, false);
      read.site = nullptr;
    }
    cell.write = stamp;
    return fine;
  }
  Stamp *place = &cell.reads[kReads - 1];
  for (Stamp &read : cell.reads)
    if (!read.site || read.agent == stamp.agent || clocks.isOrdered(read, access.thread)) {
      place = &read;
      break;
    }
  *place = stamp;
  return fine;
}

SharedShadow::Cell *SharedShadow::split(uint32_t granule) {
  if (!parts[granule]) {
    bytes.resize(bytes.size() + kGranule, whole[granule]);
    parts[granule] = static_cast<uint32_t>(bytes.size() / kGranule);
  }
  return &bytes[(parts[granule] - 1) * kGranule];
}

bool SharedShadow::access(const Clocks &clocks, const Access &access, uint32_t offset, uint32_t size, Conflict &conflict) {
  const uint32_t end = offset + size;
  while (offset < end) {
    const uint32_t granule = offset / kGranule, first = offset % kGranule;
    const uint32_t count = std::min(kGranule - first, end - offset);
    if (!parts[granule] && count == kGranule) {
      if (!touch(clocks, access, whole[granule], conflict)) {
        conflict.place = offset;
        return false;
      }
    } else {
      Cell *cells = split(granule);
      for (uint32_t i = first; i < first + count; ++i)
        if (!touch(clocks, access, cells[i], conflict)) {
          conflict.place = offset + (i - first);
          return false;
        }
    }
    offset += count;
  }
  return true;
}

} // namespace mlir::lowbit::sim
