//===- BulkInstructions.cpp - cp.async.bulk, with and without tensor maps -===//
// Law: a load is counted by its mbarrier and is done when a thread waits for that; a store reads shared memory when its thread waits for
// it. Both are of the asynchronous proxy.

#include "Bulk.h"
#include "Instructions.h"
#include <algorithm>
#include <cstring>

namespace mlir::lowbit::sim {

Illegal loadBulk(Block &block, const BulkCopy &copy) {
  if (!copy.map)
    return copyBulk(copy.shared, copy.global, copy.bytes);
  return loadTensor(*copy.map, copy.coordinates, block.arena.getMemory(), block.arena.toShared(copy.shared));
}

/// function(bytes of shared memory, count) for all that a box or a row of bytes takes there.
template <typename Function> static void forEachPiece(Block &block, const BulkCopy &copy, Function function) {
  if (!copy.map) {
    function(copy.shared, copy.bytes);
    return;
  }
  const TensorMap &map = *copy.map;
  const uint32_t row = map.box[0] * map.elementBytes, pitch = map.swizzle == Swizzle::None ? row : getSpan(map.swizzle);
  if (row == pitch) { // a swizzle moves pieces only within what is taken
    function(copy.shared, copy.bytes);
    return;
  }
  const uint32_t first = block.arena.toShared(copy.shared);
  for (uint32_t begin = 0; begin < copy.bytes / row * pitch; begin += pitch)
    for (uint32_t byte = 0; byte < row; byte += 16)
      function(block.arena.fromShared(swizzle(map.swizzle, first + begin + byte)), std::min(16u, row - byte));
}

/// function(first byte in global memory, count) for every row of a box, as far as it lies in the tensor.
template <typename Function> static void forEachRow(const BulkCopy &copy, Function function) {
  if (!copy.map) {
    function(copy.global, copy.bytes);
    return;
  }
  const TensorMap &map = *copy.map;
  const int64_t begin = std::max<int64_t>(copy.coordinates[0], 0);
  const int64_t end = std::min<int64_t>(int64_t(copy.coordinates[0]) + map.box[0], static_cast<int64_t>(map.sizes[0]));
  uint32_t index[TensorMap::kMaxRank] = {};
  while (begin < end) {
    bool isInside = true;
    int64_t offset = begin * map.elementBytes;
    for (unsigned d = 1; d < map.rank; ++d) {
      const int64_t place = int64_t(copy.coordinates[d]) + index[d];
      isInside &= place >= 0 && static_cast<uint64_t>(place) < map.sizes[d];
      offset += place * static_cast<int64_t>(map.pitches[d]);
    }
    if (isInside)
      function(map.global + offset, static_cast<uint32_t>((end - begin) * map.elementBytes));
    unsigned d = 1;
    while (d < map.rank && ++index[d] == map.box[d])
      index[d++] = 0;
    if (d >= map.rank)
      return;
  }
}

static BulkCopy makeTensorCopy(Block &block, const Site *site, void *shared, const void *map, const int32_t *coordinates, uint32_t rank) {
  BulkCopy copy = {};
  copy.site = site;
  copy.map = static_cast<const TensorMap *>(map);
  copy.thread = block.thread().index;
  copy.shared = static_cast<uint8_t *>(shared);
  if (!copy.map)
    block.stop(Finding::Illegal, site, "there is no tensor map");
  block.check(site, verify(*copy.map));
  if (copy.map->rank != rank)
    block.stop(Finding::Illegal, site,
               std::to_string(rank) + " coordinates in a tensor map of " + std::to_string(copy.map->rank) + " dimensions");
  std::copy(coordinates, coordinates + rank, copy.coordinates);
  copy.bytes = getBoxBytes(*copy.map);
  block.getShared(site, shared, copy.bytes, "the box");
  if (reinterpret_cast<uintptr_t>(shared) % 128)
    block.stop(Finding::Misaligned, site,
               "a box lies at a multiple of 128 in shared memory, not at " + std::to_string(block.arena.toShared(shared)));
  return copy;
}

static BulkCopy makePlainCopy(Block &block, const Site *site, void *shared, void *global, uint32_t bytes) {
  BulkCopy copy = {};
  copy.site = site;
  copy.thread = block.thread().index;
  copy.shared = static_cast<uint8_t *>(shared);
  copy.global = static_cast<uint8_t *>(global);
  copy.bytes = bytes;
  if (bytes % 16 || reinterpret_cast<uintptr_t>(shared) % 16 || reinterpret_cast<uintptr_t>(global) % 16)
    block.stop(Finding::Misaligned, site, "a bulk copy needs addresses and a size that are multiples of 16");
  block.getShared(site, shared, bytes, "the copy");
  return copy;
}

static void startLoad(Block &block, const BulkCopy &copy, void *address) {
  Mbarrier &mbarrier = findMbarrier(block, copy.site, address);
  if (!mbarrier.isFenced)
    block.report(Finding::Unfenced, copy.site,
                 "its mbarrier was made by " + block.describe(mbarrier.init) +
                     " without a `fence.mbarrier.init` or `fence.proxy.async` after that");
  const unsigned agent = block.clocks.mbarrier(mbarrier.index);
  const uint32_t time = block.clocks.getTime(agent) + 1;
  forEachRow(copy, [&](const uint8_t *row, uint32_t bytes) {
    block.accessGlobal({copy.site, copy.thread, agent, time, /*isWrite=*/false}, row, bytes);
  });
  const Access access{copy.site, copy.thread, agent, time, /*isWrite=*/true, /*isAsync=*/true};
  forEachPiece(block, copy, [&](uint8_t *bytes, uint32_t count) {
    block.accessShared(access, bytes, count);
    std::memset(bytes, Arena::kUnknown, count);
  });
  mbarrier.copies.push_back(copy);
  // Those who wait already do the copy.
  block.wakeAll(mbarrier.waiting);
}

static void startStore(Block &block, const BulkCopy &copy) {
  const uint32_t number = block.thread().stores.add(copy);
  const Access access{copy.site, copy.thread, block.clocks.storesOf(copy.thread), number, /*isWrite=*/false, /*isAsync=*/true};
  forEachPiece(block, copy, [&](uint8_t *bytes, uint32_t count) { block.accessShared(access, bytes, count); });
}

} // namespace mlir::lowbit::sim

using namespace mlir::lowbit::sim;

extern "C" {
static void lowbit_sim_tensor_load(const Site *site, void *shared, const void *map, void *mbarrier, const int32_t *coordinates,
                                   uint32_t rank) {
  Block &block = running();
  startLoad(block, makeTensorCopy(block, site, shared, map, coordinates, rank), mbarrier);
}

static void lowbit_sim_tensor_store(const Site *site, const void *map, void *shared, const int32_t *coordinates, uint32_t rank) {
  Block &block = running();
  startStore(block, makeTensorCopy(block, site, shared, map, coordinates, rank));
}

static void lowbit_sim_bulk_load(const Site *site, void *shared, void *global, void *mbarrier, uint32_t bytes) {
  Block &block = running();
  startLoad(block, makePlainCopy(block, site, shared, global, bytes), mbarrier);
}

static void lowbit_sim_bulk_store(const Site *site, void *global, void *shared, uint32_t bytes) {
  Block &block = running();
  startStore(block, makePlainCopy(block, site, shared, global, bytes));
}

static void lowbit_sim_bulk_commit() { running().thread().stores.commit(); }

static void lowbit_sim_bulk_wait(const Site *site, uint32_t most) {
  Block &block = running();
  Thread &thread = block.thread();
  const uint32_t end = thread.stores.getEnd(most);
  thread.stores.complete(end, [&](const BulkCopy &copy, uint32_t) {
    forEachRow(copy, [&](const uint8_t *row, uint32_t bytes) { block.accessGlobal(block.makeAccess(copy.site, true), row, bytes); });
    block.check(site, copy.map ? storeTensor(*copy.map, copy.coordinates, block.arena.getMemory(), block.arena.toShared(copy.shared))
                               : copyBulk(copy.global, copy.shared, copy.bytes));
  });
  block.clocks.setDone(block.clocks.storesOf(thread.index), end);
}
}

void mlir::lowbit::sim::addBulkSymbols(Symbols &symbols) {
  LOWBIT_SIM_SYMBOL(symbols, lowbit_sim_tensor_load);
  LOWBIT_SIM_SYMBOL(symbols, lowbit_sim_tensor_store);
  LOWBIT_SIM_SYMBOL(symbols, lowbit_sim_bulk_load);
  LOWBIT_SIM_SYMBOL(symbols, lowbit_sim_bulk_store);
  LOWBIT_SIM_SYMBOL(symbols, lowbit_sim_bulk_commit);
  LOWBIT_SIM_SYMBOL(symbols, lowbit_sim_bulk_wait);
}
