//===- Arena.h - where shared memory is -----------------------------------===//
#ifndef LOWBIT_SIM_MACHINE_ARENA_H
#define LOWBIT_SIM_MACHINE_ARENA_H

#include "lowbit/Execution/Sim/Copies.h"
#include <cstddef>

namespace mlir::lowbit::sim {

/// Shared memory of the running block. Its addresses on the GPU are the low 18 bits of those here; around it nothing else is.
class Arena {
public:
  static constexpr uint32_t kWindow = 1u << 18; ///< Of addresses.
  static constexpr uint32_t kFirst = 1024;      ///< The system has the bytes before it.
  static constexpr uint32_t kMost = 227 * 1024; ///< That a block may have.
  static constexpr uint8_t kUnknown = 0xAA;     ///< What memory holds that nothing was written to, or not yet.

  Arena() = default;
  ~Arena();
  Arena(const Arena &) = delete;
  Arena &operator=(const Arena &) = delete;

  bool reserve();
  void reset(uint32_t bytes);

  uint8_t *getBegin() const { return window + kFirst; }
  uint32_t getSize() const { return size; }
  /// Whether an address can only be one of shared memory, inside or beyond its end.
  bool contains(const void *address) const { return static_cast<uint64_t>(static_cast<const uint8_t *>(address) - reserved) < kReserved; }
  bool holds(const void *address, uint64_t bytes) const {
    const auto offset = static_cast<uint64_t>(static_cast<const uint8_t *>(address) - getBegin());
    return offset <= size && bytes <= size - offset;
  }
  /// Of an address that the arena contains: what it is on the GPU.
  uint32_t toShared(const void *address) const { return static_cast<uint32_t>(static_cast<const uint8_t *>(address) - window); }
  uint8_t *fromShared(uint32_t address) const { return window + address; }
  SharedMemory getMemory() const { return {getBegin(), kFirst, size}; }

private:
  static constexpr uint64_t kReserved = uint64_t(1) << 33;
  uint8_t *reserved = nullptr, *window = nullptr;
  uint32_t size = 0;
};

} // namespace mlir::lowbit::sim

#endif // LOWBIT_SIM_MACHINE_ARENA_H
