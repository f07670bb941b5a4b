//===- Clocks.h - what has happened before what ---------------------------===//
//
// Vector clocks over agents: the threads of a block, and what acts apart from them: each thread's cp.async and bulk copies out, each
// warp and warpgroup for what it does together, the block for what tcgen05.mma multiplies, each mbarrier for the copies that it counts. An
// access bears its agent and that agent's time; it happened before what a thread does now if the thread has seen that time.
//
// Right after a barrier of the whole block all threads have seen the same, which is kept once (`base`); a thread has a row of its own only
// when it has learned more since.
//
//===----------------------------------------------------------------------===//
#ifndef LOWBIT_SIM_MACHINE_CLOCKS_H
#define LOWBIT_SIM_MACHINE_CLOCKS_H

#include "lowbit/Execution/Sim/Machine.h"
#include <algorithm>

namespace mlir::lowbit::sim {

/// Who accessed memory, and when.
struct Stamp {
  const Site *site = nullptr; ///< Null: nobody yet.
  uint32_t clock = 0;
  uint16_t agent = 0;
};

class Clocks {
public:
  static constexpr unsigned kMbarriers = 64;

  /// For blocks of so many threads; time begins.
  void reset(unsigned threads);
  /// Nothing that came before matters any more.
  void beginBlock();

  // Agents.
  unsigned copiesOf(unsigned thread) const { return threads + thread; }
  unsigned storesOf(unsigned thread) const { return 2 * threads + thread; }
  unsigned warp(unsigned index) const { return 3 * threads + index; }
  unsigned group(unsigned index) const { return 3 * threads + 32 + index; }
  unsigned mbarrier(unsigned index) const { return 3 * threads + 40 + index; }
  /// What a warp knows of its warpgroup's products: its own part of them is done. A product is, once all four warps' parts are.
  unsigned partsOf(unsigned warpIndex) const { return 3 * threads + 40 + kMbarriers + warpIndex; }
  /// The block's products by tcgen05.mma.
  unsigned tensor() const { return 3 * threads + 40 + kMbarriers + 32; }

  /// The time of an agent: of an access by a thread or warp now, of a copy or a product once it is done.
  uint32_t getTime(unsigned agent) const { return times[agent]; }
  /// What the agent does from now on is later.
  uint32_t advance(unsigned agent) { return ++times[agent]; }

  /// Has `thread` seen what the stamp stands for?
  bool isOrdered(const Stamp &stamp, unsigned thread) const;
  /// May an asynchronous instruction of `thread` read what an ordinary one wrote?
  bool isFenced(const Stamp &stamp, unsigned thread) const;

  /// What one thread tells others: all that it has seen, and all of it that was fenced for asynchronous instructions.
  struct Message {
    std::vector<uint32_t> seen, fenced;
  };
  /// Adds what `thread` has seen and done; what it does from now on is later.
  void release(unsigned thread, Message &message);
  /// Adds what it has seen of others, and nothing of its own: of an asynchronous instruction that comes after that.
  void forward(unsigned thread, Message &message) const;
  void acquire(unsigned thread, const Message &message);
  void clear(Message &message) const;
  /// Who has heard `from` has heard it from `into`, too.
  static void join(Message &into, const Message &from);
  /// A barrier of all threads.
  void synchronize();
  /// fence.proxy.async
  void fence(unsigned thread);

  /// An agent's copies or products up to a number are done.
  void setDone(unsigned agent, uint32_t time);
  /// `thread` knows it of its warp's part of its warpgroup's products.
  void setProductsDone(unsigned thread, uint32_t number) { productsDone[thread] = std::max(productsDone[thread], number); }
  bool isProductDone(unsigned thread, uint32_t number) const { return number <= productsDone[thread]; }

private:
  uint32_t getOwn(unsigned thread, unsigned agent) const;
  void addOwn(unsigned thread, std::vector<uint32_t> &row) const;
  std::vector<uint32_t> &getRow(unsigned thread);
  std::vector<uint32_t> &getFencedRow(unsigned thread);

  unsigned threads = 0, width = 0, fencedWidth = 0;
  std::vector<uint32_t> times;
  std::vector<uint32_t> productsDone; // by thread
  std::vector<uint32_t> base, fencedBase;
  std::vector<std::vector<uint32_t>> rows, fencedRows;
  std::vector<uint8_t> hasRow, hasFencedRow;
  bool anyFence = false;
};

} // namespace mlir::lowbit::sim

#endif // LOWBIT_SIM_MACHINE_CLOCKS_H
