//===- CopyInstructions.cpp - cp.async ------------------------------------===//
// Law: from its start until it is waited for, nobody may count on what a copy's target holds, and it holds what nobody would expect.

#include "Block.h"
#include "Instructions.h"
#include <algorithm>
#include <cstring>

using namespace mlir::lowbit::sim;

extern "C" {
static void lowbit_sim_copy_async(const Site *site, void *target, const void *source, uint32_t size, uint32_t read) {
  Block &block = running();
  Thread &thread = block.thread();
  const uint64_t misplaced = (reinterpret_cast<uintptr_t>(target) | reinterpret_cast<uintptr_t>(source)) % size;
  if (misplaced)
    block.stop(Finding::Misaligned, site, "cp.async needs addresses at multiples of its size, " + std::to_string(size));
  if (read > size)
    block.stop(Finding::Illegal, site, "cp.async reads at most its size");
  block.getShared(site, target, size, "the target");
  if (block.arena.contains(source))
    block.stop(Finding::OutOfBounds, site, "the source is not in global memory");
  AsyncCopy copy{site, static_cast<uint8_t *>(target), static_cast<const uint8_t *>(source), size, read};
  const uint32_t number = thread.copies.add(copy);
  const unsigned agent = block.clocks.copiesOf(thread.index);
  if (read)
    block.accessGlobal({site, thread.index, agent, number, /*isWrite=*/false}, source, read);
  block.accessShared({site, thread.index, agent, number, /*isWrite=*/true}, target, size);
  std::memset(target, Arena::kUnknown, size);
}

static void lowbit_sim_copy_commit() { running().thread().copies.commit(); }

static void lowbit_sim_copy_wait(const Site *site, uint32_t most) {
  Block &block = running();
  Thread &thread = block.thread();
  // `0xFFFFFFFF`: all, committed or not.
  const uint32_t end = most == ~0u ? thread.copies.getStarted() : thread.copies.getEnd(most);
  thread.copies.complete(
      end, [&](const AsyncCopy &copy, uint32_t) { block.check(site, copyAsync(copy.target, copy.source, copy.size, copy.read)); });
  block.clocks.setDone(block.clocks.copiesOf(thread.index), end);
}
}

void mlir::lowbit::sim::addCopySymbols(Symbols &symbols) {
  LOWBIT_SIM_SYMBOL(symbols, lowbit_sim_copy_async);
  LOWBIT_SIM_SYMBOL(symbols, lowbit_sim_copy_commit);
  LOWBIT_SIM_SYMBOL(symbols, lowbit_sim_copy_wait);
}
