//===- Products.h - wgmma that a warpgroup has started --------------------===//
//
// A product is computed when the first thread waits for it: from what shared memory holds then, into the accumulators that the threads
// hold. Until a thread has waited for it, it must not look at them.
//
//===----------------------------------------------------------------------===//
#ifndef LOWBIT_SIM_MACHINE_PRODUCTS_H
#define LOWBIT_SIM_MACHINE_PRODUCTS_H

#include "Queues.h"
#include "lowbit/Execution/Sim/WarpgroupMma.h"

namespace mlir::lowbit::sim {

/// Accumulators of a thread, where lowered kernels keep them.
struct Accumulators {
  uint32_t product; ///< The last one that writes them, by its number; 0: none.
  uint32_t fences;  ///< wgmma.fence's of the thread before it last read or wrote them itself; 0: not since that product.
  uint32_t values[1];
};

struct Product {
  const Site *site;
  bool isFloat;
  IntegerProduct integer;
  WarpgroupFloat floating;
  WarpgroupShape shape;
  uint64_t a, b;
  bool accumulates;
  uint32_t *d[kGroupThreads];
};

/// 128 threads, and what they have started.
struct WarpGroup {
  const Site *site = nullptr; ///< Where they meet.
  uint32_t arrived = 0;
  void *frames[kGroupThreads];
  GroupQueue<Product> products;
};

/// A thread's groups of products, by the number of their last.
struct ProductQueue {
  std::vector<uint32_t> ends;
  uint32_t issued = 0;
};

} // namespace mlir::lowbit::sim

#endif // LOWBIT_SIM_MACHINE_PRODUCTS_H
