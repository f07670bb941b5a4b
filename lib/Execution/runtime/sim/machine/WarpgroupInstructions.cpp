//===- WarpgroupInstructions.cpp - wgmma ----------------------------------===//
// wgmma.fence orders what a thread does itself with its registers before the products that use them.
// Law: a product is computed when a thread of its warpgroup first waits for it; a thread that has not waited is told so when it looks at
// its accumulators.

#include "Block.h"
#include "Instructions.h"

using namespace mlir::lowbit::sim;

namespace {
struct ProductFrame {
  Accumulators *accumulators;
  uint64_t a, b;
};
} // namespace

static void readMatrix(Block &block, const Access &access, uint64_t bits, bool transposed, unsigned rows) {
  const MatrixDescriptor descriptor(bits);
  if (transposed) {
    for (unsigned row = 0; row < rows; row += 8)
      for (unsigned k = 0; k < 16; ++k)
        block.accessShared(access, block.arena.fromShared(descriptor.getMNMajor(row, k)), 16);
    return;
  }
  for (unsigned row = 0; row < rows; ++row)
    for (unsigned byte = 0; byte < 32; byte += 16)
      block.accessShared(access, block.arena.fromShared(descriptor.getKMajor(row, byte)), 16);
}

static void compute(Block &block, const Product &product) {
  const WarpgroupOperands operands{block.arena.getMemory(), nullptr, product.a, product.b};
  block.check(product.site, product.isFloat ? mmaWarpgroup(product.floating, product.shape, operands, product.accumulates, product.d)
                                            : mmaWarpgroup(product.integer, product.shape, operands, product.accumulates, product.d));
}

static void startProduct(const Site *site, Accumulators *accumulators, uint64_t a, uint64_t b, Product product) {
  Block &block = running();
  product.site = site;
  ProductFrame frame{accumulators, a, b};
  block.meetGroup(site, &frame, [&](ProductFrame *const *frames, WarpGroup &group) {
    const uint32_t index = block.thread().index / kGroupThreads, first = index * kGroupThreads;
    product.a = frames[0]->a;
    product.b = frames[0]->b;
    for (unsigned i = 0; i < kGroupThreads; ++i) {
      if (frames[i]->a != product.a || frames[i]->b != product.b)
        block.stop(Finding::Divergence, site, "the threads of a warpgroup have different descriptors");
      const uint32_t fences = block.threads[first + i].registerFences;
      if (fences == kNoFence)
        block.report(Finding::Unfenced, site, "the first product of a warpgroup comes without a `wgmma.fence` before it");
      else if (frames[i]->accumulators->fences == fences)
        block.report(Finding::Unfenced, site, "the thread has read or written the accumulators, without a `wgmma.fence` after that");
      product.d[i] = frames[i]->accumulators->values;
    }
    const uint32_t number = group.products.add(product);
    for (unsigned i = 0; i < kGroupThreads; ++i) {
      frames[i]->accumulators->product = number;
      frames[i]->accumulators->fences = 0;
      block.threads[first + i].products.issued = number;
    }
    const Access access{site, block.thread().index, block.clocks.group(index), number, /*isWrite=*/false, /*isAsync=*/true};
    readMatrix(block, access, product.a, product.shape.aTransposed, 64);
    readMatrix(block, access, product.b, product.shape.bTransposed, product.shape.n);
  });
}

extern "C" {
/// Types are IntegerType; `flags`: 1 saturates, 2 accumulates, 4 A and 8 B transposed, 16 negated, 32 f16 accumulators.
static void lowbit_sim_wgmma_integer(const Site *site, Accumulators *accumulators, uint64_t a, uint64_t b, uint32_t n, uint32_t aType,
                                     uint32_t bType, uint32_t flags) {
  Product product = {};
  product.integer = {static_cast<IntegerType>(aType), static_cast<IntegerType>(bType), BitOperation::And, (flags & 1) != 0};
  product.shape.n = n;
  product.accumulates = flags & 2;
  startProduct(site, accumulators, a, b, product);
}

/// Types are FloatType.
static void lowbit_sim_wgmma_float(const Site *site, Accumulators *accumulators, uint64_t a, uint64_t b, uint32_t n, uint32_t aType,
                                   uint32_t bType, uint32_t flags) {
  Product product = {};
  product.isFloat = true;
  product.floating = {static_cast<FloatType>(aType), static_cast<FloatType>(bType), (flags & 32) != 0, (flags & 16) != 0};
  product.shape = {n, (flags & 4) != 0, (flags & 8) != 0};
  product.accumulates = flags & 2;
  startProduct(site, accumulators, a, b, product);
}

/// The thread has written its accumulators by ordinary means.
static void lowbit_sim_accumulators(Accumulators *accumulators) {
  accumulators->product = 0;
  accumulators->fences = running().thread().registerFences;
}

static uint32_t lowbit_sim_accumulator(const Site *site, Accumulators *accumulators, uint32_t index) {
  Block &block = running();
  accumulators->fences = block.thread().registerFences;
  if (!block.clocks.isProductDone(block.thread().index, accumulators->product)) {
    block.report(Finding::InFlight, site, "accumulators are read, and the thread has not waited for the product that writes them");
    return 0xAAAAAAAA;
  }
  return accumulators->values[index];
}

static void lowbit_sim_wgmma_fence() { ++running().thread().registerFences; }

static void lowbit_sim_wgmma_commit() {
  ProductQueue &products = running().thread().products;
  products.ends.push_back(products.issued);
}

static void lowbit_sim_wgmma_wait(uint32_t most) {
  Block &block = running();
  Thread &thread = block.thread();
  std::vector<uint32_t> &ends = thread.products.ends;
  if (ends.size() <= most)
    return;
  const uint32_t end = ends[ends.size() - most - 1], index = thread.index / kGroupThreads;
  ends.erase(ends.begin(), ends.end() - most);
  block.groups[index].products.complete(end, [&](const Product &product, uint32_t) { compute(block, product); });
  block.clocks.setProductsDone(thread.index, end);
  block.clocks.setDone(block.clocks.group(index), block.groups[index].products.getDone());
}
}

void mlir::lowbit::sim::addWarpgroupSymbols(Symbols &symbols) {
  LOWBIT_SIM_SYMBOL(symbols, lowbit_sim_wgmma_integer);
  LOWBIT_SIM_SYMBOL(symbols, lowbit_sim_wgmma_float);
  LOWBIT_SIM_SYMBOL(symbols, lowbit_sim_accumulators);
  LOWBIT_SIM_SYMBOL(symbols, lowbit_sim_accumulator);
  LOWBIT_SIM_SYMBOL(symbols, lowbit_sim_wgmma_fence);
  LOWBIT_SIM_SYMBOL(symbols, lowbit_sim_wgmma_commit);
  LOWBIT_SIM_SYMBOL(symbols, lowbit_sim_wgmma_wait);
}
