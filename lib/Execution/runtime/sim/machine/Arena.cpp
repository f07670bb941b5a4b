//===- Arena.cpp - where shared memory is ---------------------------------===//
// Law: a shared address plus any 32-bit offset stays among addresses that are nothing else, so that it is told from global memory.

#include "Arena.h"
#include <cstring>
#include <sys/mman.h>

namespace mlir::lowbit::sim {

bool Arena::reserve() {
  if (reserved)
    return true;
  void *memory = mmap(nullptr, kReserved, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED)
    return false;
  reserved = static_cast<uint8_t *>(memory);
  const auto middle = reinterpret_cast<uintptr_t>(reserved) + kReserved / 2;
  window = reinterpret_cast<uint8_t *>((middle + kWindow - 1) / kWindow * kWindow);
  return mprotect(window, kWindow, PROT_READ | PROT_WRITE) == 0;
}

void Arena::reset(uint32_t bytes) {
  size = bytes;
  std::memset(getBegin(), kUnknown, size);
}

Arena::~Arena() {
  if (reserved)
    munmap(reserved, kReserved);
}

} // namespace mlir::lowbit::sim
