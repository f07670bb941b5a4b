//===- Traffic.h - what a launch reads and writes -------------------------===//
#ifndef LOWBIT_GPU_TRAFFIC_H
#define LOWBIT_GPU_TRAFFIC_H

#include "mlir/Dialect/GPU/IR/GPUDialect.h"

namespace mlir::lowbit {

/// On a launch: the buffers that it reads, and those that it writes, as `[{bytes = 49152 : i64, type = memref<128x384xi8>}, …]`. Each is
/// counted once, however often it is read; of a table that elements are looked up in, as many as are looked up. Without `bytes` where a
/// size is not known.
inline constexpr llvm::StringLiteral readsAttrName = "lowbit.reads", writesAttrName = "lowbit.writes";

/// Puts both on the launch that computes what `op` does, an op on buffers or a loop around some.
void noteTraffic(gpu::LaunchFuncOp launch, Operation *op);

} // namespace mlir::lowbit

#endif // LOWBIT_GPU_TRAFFIC_H
