//===- BlockMemory.cpp - accesses to shared and global memory -------------===//
// Law: an access that a GPU would fault on stops the block before it is made; everything else is made, and followed.

#include "Block.h"
#include <algorithm>

namespace mlir::lowbit::sim {

std::string hexadecimal(uint64_t value) {
  char text[24];
  std::snprintf(text, sizeof text, "0x%llx", static_cast<unsigned long long>(value));
  return text;
}

uint32_t Block::getShared(const Site *site, const void *address, uint64_t bytes, const char *what) {
  if (!arena.contains(address))
    stop(Finding::OutOfBounds, site, std::string(what) + " is not in shared memory");
  if (!arena.holds(address, bytes)) {
    const int64_t offset = static_cast<const uint8_t *>(address) - arena.getBegin();
    stop(Finding::OutOfBounds, site,
         std::string(what) + ": bytes " + std::to_string(offset) + " to " + std::to_string(offset + static_cast<int64_t>(bytes) - 1) +
             " of shared memory, and the launch gave it " + std::to_string(arena.getSize()));
  }
  return static_cast<uint32_t>(static_cast<const uint8_t *>(address) - arena.getBegin());
}

void Block::accessShared(const Access &access, const void *address, uint64_t bytes) {
  const uint32_t offset = getShared(access.site, address, bytes, "the access");
  Conflict conflict;
  if (options.followsAccesses && !sharedShadow.access(clocks, access, offset, static_cast<uint32_t>(bytes), conflict))
    reportConflict(access, conflict, "shared", ~0u);
}

void Block::accessGlobal(const Access &access, const void *address, uint64_t bytes, bool isAtomic) {
  if (!options.followsAccesses)
    return;
  const auto *first = static_cast<const uint8_t *>(address);
  if (memory) {
    auto isInside = [&](const std::pair<const uint8_t *, uint64_t> &range) {
      const auto offset = static_cast<uint64_t>(first - range.first);
      return offset < range.second && bytes <= range.second - offset;
    };
    if (!lastRange || !isInside(*lastRange)) {
      auto found = std::find_if(memory->begin(), memory->end(), isInside);
      if (found == memory->end() && bytes)
        stop(Finding::OutOfBounds, access.site,
             std::to_string(bytes) + " bytes of global memory at " + hexadecimal(reinterpret_cast<uintptr_t>(address)) +
                 " belong to no array");
      lastRange = found == memory->end() ? lastRange : &*found;
    }
  }
  Conflict conflict;
  uint32_t otherBlock = ~0u;
  if (!globalShadow.access(clocks, access, reinterpret_cast<uintptr_t>(address), bytes, isAtomic, conflict, otherBlock))
    reportConflict(access, conflict, "global", otherBlock);
}

void Block::access(const Site *site, const void *address, uint64_t bytes, bool isWrite, uint32_t alignment, bool isAtomic) {
  if (reinterpret_cast<uintptr_t>(address) % alignment)
    stop(Finding::Misaligned, site,
         "its address is " + hexadecimal(arena.contains(address) ? arena.toShared(address) : reinterpret_cast<uintptr_t>(address)) +
             ", no multiple of " + std::to_string(alignment));
  if (arena.contains(address)) {
    accessShared(makeAccess(site, isWrite), address, bytes);
    if (options.countsBanks)
      banks.access(site, current->index / kLanes, lane(), static_cast<uint32_t>(static_cast<const uint8_t *>(address) - arena.getBegin()),
                   static_cast<uint32_t>(bytes), counts);
  } else {
    accessGlobal(makeAccess(site, isWrite), address, bytes, isAtomic);
  }
}

} // namespace mlir::lowbit::sim
