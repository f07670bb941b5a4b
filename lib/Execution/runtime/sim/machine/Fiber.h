//===- Fiber.h - flows of execution that take turns -----------------------===//
#ifndef LOWBIT_SIM_MACHINE_FIBER_H
#define LOWBIT_SIM_MACHINE_FIBER_H

#include <cstddef>
#include <cstdint>
#include <vector>

#if !defined(__x86_64__) && !defined(__aarch64__)
#include <ucontext.h>
#define LOWBIT_SIM_UCONTEXT 1
#endif

namespace mlir::lowbit::sim {

/// A flow that has a stack of its own, or (as constructed) the one that the program came with.
class Fiber {
public:
  using Entry = void (*)(void *);

  /// It will begin with entry(argument), which must not return, on a stack that ends at `stackEnd`.
  void prepare(uint8_t *stackBegin, uint8_t *stackEnd, Entry entry, void *argument);

  /// Leaves `from`, which goes on here when something switches to it.
  static void change(Fiber &from, const Fiber &to);

private:
#ifdef LOWBIT_SIM_UCONTEXT
  ucontext_t context;
#else
  void *stackPointer = nullptr;
#endif
};

/// Stacks that are kept from block to block, with a page between them that faults.
class Stacks {
public:
  static constexpr size_t kBytes = 256 * 1024;

  Stacks() = default;
  ~Stacks();
  Stacks(const Stacks &) = delete;
  Stacks &operator=(const Stacks &) = delete;

  /// Makes room for `count`; false when the system has none.
  bool reserve(unsigned count);
  uint8_t *getBegin(unsigned index) const { return chunks[index / kChunk] + (index % kChunk) * kBytes + 4096; }
  uint8_t *getEnd(unsigned index) const { return chunks[index / kChunk] + (index % kChunk + 1) * kBytes; }

private:
  static constexpr unsigned kChunk = 128;
  std::vector<uint8_t *> chunks;
};

} // namespace mlir::lowbit::sim

#endif // LOWBIT_SIM_MACHINE_FIBER_H
