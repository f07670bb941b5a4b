//===- TensorInstructions.cpp - tcgen05 -----------------------------------===//
// Law: what a thread has learned by waiting counts for tcgen05 from its next fence::after_thread_sync on, and what its warp's loads have
// read is known to others by what each lane says after its fence::before_thread_sync.

#include "Bulk.h"
#include "Instructions.h"
#include "lowbit/Execution/Sim/WarpgroupMma.h"
#include <cstring>

namespace mlir::lowbit::sim {

/// The thread's last wait has to be before its last fence.
static void checkFence(Block &block, const Site *site, const Thread &thread) {
  if (thread.unfencedWait)
    block.report(Finding::Unfenced, site,
                 block.describe(thread.index) + " has waited, by `" + thread.unfencedWait->operation + "` at " +
                     thread.unfencedWait->location + ", and there is no `tcgen05.fence::after_thread_sync` since");
}

static void checkColumns(Block &block, const Site *site, uint32_t begin, uint32_t count) {
  if (!block.tensor.holds(begin, count))
    block.stop(Finding::OutOfBounds, site,
               "columns " + std::to_string(begin) + " to " + std::to_string(begin + count - 1) + " of tensor memory are not allocated");
}

/// A product is about to write the column, or the column is about to be given back: whoever read it must be known to have done so.
static void checkReads(Block &block, const Site *site, const TensorCells::Column &column, const char *what) {
  for (const Stamp &read : column.reads)
    if (read.clock == TensorCells::kPending || read.clock == TensorCells::kWaited || !block.clocks.isOrdered(read, block.thread().index))
      block.report(Finding::Race, site,
                   std::string(what) + " columns of tensor memory that " + block.describe(read) +
                       (read.clock == TensorCells::kPending  ? " is still reading"
                        : read.clock == TensorCells::kWaited ? " has read, without a `tcgen05.fence::before_thread_sync` of all its lanes"
                                                             : " reads, and nothing says which comes first"));
}

/// Whether a thread has seen that the last product into the column is done.
static bool isDone(Block &block, const TensorCells::Column &column, uint32_t thread) {
  const Stamp stamp{column.writer, column.number, static_cast<uint16_t>(block.clocks.tensor())};
  return block.clocks.isOrdered(stamp, thread);
}

void completeTensor(Block &block, uint32_t end) {
  TensorCells &tensor = block.tensor;
  tensor.products.complete(end, [&](const TensorWork &work, uint32_t) {
    block.check(work.site, mmaTensor(work.product, block.arena.getMemory(), work.a, work.b, work.accumulates, tensor.cells.data(),
                                     TensorAddress(work.address)));
  });
  block.clocks.setDone(block.clocks.tensor(), end);
}

} // namespace mlir::lowbit::sim

using namespace mlir::lowbit::sim;

namespace {
struct Columns {
  uint32_t address, count;
};

struct LoadFrame {
  TensorRegisters *registers;
  uint32_t address;
};
} // namespace

/// Meets all lanes of the warp.
template <typename Frame, typename Action> static void meet(const Site *site, Frame *frame, Action action) {
  running().meetWarp(site, ~0u, frame, action);
}

template <typename Frame, typename Get> static void checkSame(Block &block, const Site *site, Frame *const *frames, Get get) {
  for (unsigned lane = 1; lane < kLanes; ++lane)
    if (get(*frames[lane]) != get(*frames[0]))
      block.stop(Finding::Divergence, site, "lanes of the warp have different operands");
}

extern "C" {
static void lowbit_sim_tcgen05_alloc(const Site *site, void *address, uint32_t count) {
  Block &block = running();
  Columns own{block.arena.contains(address) ? block.arena.toShared(address) : 0, count};
  meet(site, &own, [&](Columns *const *frames) {
    checkSame(block, site, frames, [](const Columns &each) { return std::pair(each.address, each.count); });
    if (count < kTensorUnit || count > kTensorColumns || (count & (count - 1)))
      block.stop(Finding::Illegal, site, std::to_string(count) + " columns; expected a power of two from 32 to 512");
    if (block.tensor.isRelinquished)
      block.stop(Finding::Illegal, site, "the block has given up allocating (`tcgen05.relinquish_alloc_permit`)");
    if (!block.tensor.ranges.empty() && block.tensor.ranges.back().columns < count)
      block.stop(Finding::Illegal, site, "an allocation of more columns than the one before it");
    block.getShared(site, address, 4, "the place for the address");
    const TensorCells::Range *range = block.tensor.allocate(site, count);
    if (!range)
      block.stop(Finding::Deadlock, site, "so many columns are not free, and it waits for the block itself to give them back");
    const unsigned agent = block.clocks.warp(block.thread().index / kLanes);
    block.accessShared({site, block.thread().index, agent, block.clocks.getTime(agent), /*isWrite=*/true}, address, 4);
    std::memcpy(address, &range->begin, 4);
  });
}

static void lowbit_sim_tcgen05_dealloc(const Site *site, uint32_t address, uint32_t count) {
  Block &block = running();
  Columns own{address, count};
  meet(site, &own, [&](Columns *const *frames) {
    checkSame(block, site, frames, [](const Columns &each) { return std::pair(each.address, each.count); });
    bool isKnown = false;
    for (const TensorCells::Range &range : block.tensor.ranges)
      isKnown |= range.begin == address && range.columns == count;
    if (!isKnown)
      block.stop(Finding::Illegal, site, std::to_string(count) + " columns at " + std::to_string(address) + " were not allocated together");
    checkFence(block, site, block.thread());
    for (uint32_t i = address; i < address + count; ++i) {
      const TensorCells::Column &column = block.tensor.columns[i];
      checkReads(block, site, column, "gives back");
      if (column.writer && !isDone(block, column, block.thread().index))
        block.report(Finding::InFlight, site, "gives back columns of tensor memory that a product still writes");
    }
    block.tensor.release(address, count);
  });
}

static void lowbit_sim_tcgen05_relinquish(const Site *site) {
  Block &block = running();
  meet(site, &block, [&](Block *const *) { block.tensor.isRelinquished = true; });
}

static void lowbit_sim_tcgen05_fence(uint32_t isAfter) {
  Block &block = running();
  if (isAfter) {
    block.thread().unfencedWait = nullptr;
    return;
  }
  // Once all lanes have come: from then on what one of them says tells of the loads.
  Warp &warp = block.warp();
  warp.fenced |= 1u << block.lane();
  if (warp.fenced != warp.present)
    return;
  warp.fenced = 0;
  const unsigned agent = block.clocks.warp(block.thread().index / kLanes);
  const uint32_t time = block.clocks.advance(agent);
  for (TensorCells::Column &column : block.tensor.columns)
    for (Stamp &read : column.reads)
      if (read.agent == agent && read.clock == TensorCells::kWaited)
        read.clock = time;
}

static void lowbit_sim_tcgen05_mma(const Site *site, uint32_t address, uint64_t a, uint64_t b, uint32_t descriptor, uint32_t accumulates) {
  Block &block = running();
  Thread &thread = block.thread();
  TensorCells &tensor = block.tensor;
  TensorWork work{site, thread.index, {}, a, b, address, accumulates != 0};
  block.check(site, decode(descriptor, work.product));
  for (uint64_t side : {a, b})
    block.check(site, verifyDescriptor(side));
  if (tensor.issuer == ~0u)
    tensor.issuer = thread.index;
  if (tensor.issuer != thread.index)
    block.stop(Finding::Illegal, site,
               "products of two threads of a block have no model; " + block.describe(tensor.issuer) + " has others");
  const TensorAddress place(address);
  if (place.lane != 0)
    block.stop(Finding::Misaligned, site, "128 rows begin at lane 0, not " + std::to_string(place.lane));
  checkColumns(block, site, place.column, work.product.columns);
  checkFence(block, site, thread);
  const uint32_t number = tensor.products.add(work);
  for (uint32_t i = place.column; i < place.column + work.product.columns; ++i) {
    TensorCells::Column &column = tensor.columns[i];
    checkReads(block, site, column, "writes");
    column.reads.clear();
    column.writer = site;
    column.number = number;
  }
  const Access access{site, thread.index, block.clocks.tensor(), number, /*isWrite=*/false, /*isAsync=*/true};
  for (auto [bits, rows] : {std::pair(a, work.product.rows), std::pair(b, work.product.columns)}) {
    const MatrixDescriptor matrix(bits);
    for (unsigned row = 0; row < rows; ++row)
      for (unsigned byte = 0; byte < 32; byte += 16)
        block.accessShared(access, block.arena.fromShared(matrix.getKMajor(row, byte)), 16);
  }
}

static void lowbit_sim_tcgen05_commit(const Site *site, void *address) {
  Block &block = running();
  Mbarrier &mbarrier = findMbarrier(block, site, address);
  if (!mbarrier.isFenced)
    block.report(Finding::Unfenced, site,
                 "its mbarrier was made by " + block.describe(mbarrier.init) +
                     " without a `fence.mbarrier.init` or `fence.proxy.async` after that");
  // Products come after what their thread had waited for.
  block.clocks.forward(block.thread().index, mbarrier.pending);
  mbarrier.arrivals.push_back({site, block.thread().index, block.tensor.products.getStarted(), /*isTensor=*/true});
  // Those who wait already do what is to be done.
  block.wakeAll(mbarrier.waiting);
}

static void lowbit_sim_tcgen05_load(const Site *site, TensorRegisters *registers, uint32_t address, uint32_t shape, uint32_t count) {
  Block &block = running();
  registers->isThere = 0;
  std::fill(registers->values, registers->values + count, TensorCells::kUnknown);
  LoadFrame own{registers, address};
  meet(site, &own, [&](LoadFrame *const *frames) {
    checkSame(block, site, frames, [](const LoadFrame &each) { return each.address; });
    const auto form = static_cast<TensorShape>(shape);
    const TensorAddress place(address);
    const uint32_t warp = block.thread().index / kLanes, columns = getColumns(form, count);
    if (place.lane / 32 != warp % 4 || place.lane % getLanes(form))
      block.stop(Finding::Illegal, site,
                 "warp " + std::to_string(warp) + " reads lanes " + std::to_string(warp % 4 * 32) + " to " +
                     std::to_string(warp % 4 * 32 + 31) + " of tensor memory, not from " + std::to_string(place.lane) + " on");
    checkColumns(block, site, place.column, columns);
    const unsigned agent = block.clocks.warp(warp);
    for (unsigned lane = 0; lane < kLanes; ++lane)
      checkFence(block, site, block.threads[warp * kLanes + lane]);
    for (uint32_t i = place.column; i < place.column + columns; ++i) {
      TensorCells::Column &column = block.tensor.columns[i];
      if (!column.writer)
        block.report(Finding::InFlight, site, "reads columns of tensor memory that nothing has written");
      for (unsigned lane = 0; lane < kLanes; ++lane)
        if (column.writer && !isDone(block, column, warp * kLanes + lane))
          block.report(Finding::InFlight, site,
                       "reads columns of tensor memory, and the thread has not waited for the product that writes them");
      auto known = std::find_if(column.reads.begin(), column.reads.end(), [&](const Stamp &read) { return read.agent == agent; });
      if (known == column.reads.end())
        known = column.reads.insert(known, Stamp());
      *known = {site, TensorCells::kPending, static_cast<uint16_t>(agent)};
    }
    TensorLoad load{form, address, count, {}};
    for (unsigned lane = 0; lane < kLanes; ++lane)
      load.lanes[lane] = frames[lane]->registers;
    block.warp().loads.push_back(load);
  });
}

/// tcgen05.wait::ld
static void lowbit_sim_tcgen05_wait(const Site *site) {
  Block &block = running();
  meet(site, &block, [&](Block *const *) {
    Warp &warp = block.warp();
    for (const TensorLoad &load : warp.loads) {
      const TensorAddress place(load.address);
      for (unsigned lane = 0; lane < kLanes; ++lane) {
        load.lanes[lane]->isThere = 1;
        for (unsigned r = 0; r < load.registers; ++r)
          load.lanes[lane]->values[r] = block.tensor.cells[(place.lane + laneOfCell(load.shape, lane, r)) * kTensorColumns + place.column +
                                                           columnOfCell(load.shape, lane, r)];
      }
    }
    warp.loads.clear();
    const unsigned agent = block.clocks.warp(block.thread().index / kLanes);
    for (TensorCells::Column &column : block.tensor.columns)
      for (Stamp &read : column.reads)
        if (read.agent == agent && read.clock == TensorCells::kPending)
          read.clock = TensorCells::kWaited;
  });
}

static uint32_t lowbit_sim_tcgen05_register(const Site *site, TensorRegisters *registers, uint32_t index) {
  if (!registers->isThere)
    running().report(Finding::InFlight, site, "uses a register that `tcgen05.ld` fills, without a `tcgen05.wait::ld` before");
  return registers->values[index];
}
}

void mlir::lowbit::sim::addTensorSymbols(Symbols &symbols) {
  LOWBIT_SIM_SYMBOL(symbols, lowbit_sim_tcgen05_alloc);
  LOWBIT_SIM_SYMBOL(symbols, lowbit_sim_tcgen05_dealloc);
  LOWBIT_SIM_SYMBOL(symbols, lowbit_sim_tcgen05_relinquish);
  LOWBIT_SIM_SYMBOL(symbols, lowbit_sim_tcgen05_fence);
  LOWBIT_SIM_SYMBOL(symbols, lowbit_sim_tcgen05_mma);
  LOWBIT_SIM_SYMBOL(symbols, lowbit_sim_tcgen05_commit);
  LOWBIT_SIM_SYMBOL(symbols, lowbit_sim_tcgen05_load);
  LOWBIT_SIM_SYMBOL(symbols, lowbit_sim_tcgen05_wait);
  LOWBIT_SIM_SYMBOL(symbols, lowbit_sim_tcgen05_register);
}
