//===- Shadow.cpp - who accessed which byte last --------------------------===//
// Law: every write is compared with the last write and with all reads since that are not ordered before another of them, up to three;
// every read with the last write. So nothing is reported that did happen in order.

#include "Shadow.h"
#include <algorithm>
#include <cstring>

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

void GlobalShadow::clear() {
  for (auto &entry : pages)
    spare.push_back(std::move(entry.second));
  pages.clear();
  lastPage = ~uint64_t(0);
  last = nullptr;
}

GlobalShadow::Page *GlobalShadow::find(uint64_t page, bool create) {
  if (page == lastPage && (last || !create))
    return last;
  auto found = pages.find(page);
  lastPage = page;
  last = found == pages.end() ? nullptr : found->second.get();
  if (!last && create) {
    std::unique_ptr<Page> fresh;
    if (spare.empty()) {
      fresh = std::make_unique<Page>();
    } else {
      fresh = std::move(spare.back());
      spare.pop_back();
    }
    std::memset(static_cast<void *>(fresh.get()), 0, sizeof(Page));
    last = fresh.get();
    pages.emplace(page, std::move(fresh));
  }
  return last;
}

bool GlobalShadow::access(const Clocks &clocks, const Access &access, uint64_t address, uint64_t size, bool isAtomic, Conflict &conflict,
                          uint32_t &otherBlock) {
  bool fine = true;
  for (const uint64_t end = address + size; address < end;) {
    const uint64_t count = std::min(kPage - address % kPage, end - address);
    if (Page *page = find(address / kPage, access.isWrite)) {
      Writer *writers = page->writers + address % kPage;
      for (uint64_t i = 0; i < count; ++i) {
        Writer &writer = writers[i];
        const bool isOrdered = !writer.site || (isAtomic && writer.isAtomic) ||
                               (writer.block == block + 1 && clocks.isOrdered({writer.site, writer.clock, writer.agent}, access.thread));
        if (!isOrdered && fine) {
          conflict = {{writer.site, writer.clock, writer.agent}, address + i, true, false};
          otherBlock = writer.block - 1;
          fine = false;
        }
        if (access.isWrite)
          writer = {access.site, block + 1, access.clock, static_cast<uint16_t>(access.agent), isAtomic};
      }
    }
    address += count;
  }
  return fine;
}

} // namespace mlir::lowbit::sim
