//===- Bulk.h - bulk copies and the mbarriers that count them -------------===//
#ifndef LOWBIT_SIM_MACHINE_BULK_H
#define LOWBIT_SIM_MACHINE_BULK_H

#include "Block.h"

namespace mlir::lowbit::sim {

/// The mbarrier at an address; stops the block when there is none.
Mbarrier &findMbarrier(Block &block, const Site *site, void *address);

/// Does what the tensor core has to do up to a number, of products by tcgen05.mma.
void completeTensor(Block &block, uint32_t end);

/// Moves the bytes of a copy into shared memory.
Illegal loadBulk(Block &block, const BulkCopy &copy);

} // namespace mlir::lowbit::sim

#endif // LOWBIT_SIM_MACHINE_BULK_H
