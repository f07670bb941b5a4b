//===- PersistentTiles.cpp - tiles of a block that stays, and their copies ===//

#include "PersistentTiles.h"
#include "TensorMaps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"

namespace mlir::lowbit {

SmallVector<std::pair<Type, DictionaryAttr>> PersistentTiles::getMaps(MLIRContext *context) {
  return {TensorMap::getArgument(context), TensorMap::getArgument(context)};
}

MatmulPlan::Launch PersistentTiles::buildLaunch(KernelBuilder &b, const MatmulKernel &kernel, const MatmulArguments &arguments,
                                                int64_t rows, int64_t columns, int64_t stepBytes, int64_t multiprocessors) {
  Value numTiles = TileOrder(b, arguments, rows, columns).getCount(b);
  TensorMap lhs{arguments.lhs, arguments.rows, arguments.depth, arguments.lhsPitch, rows, stepBytes};
  TensorMap rhs{arguments.rhs, arguments.columns, arguments.depth, arguments.rhsPitch, columns, stepBytes};
  if (kernel.hasBatches && !kernel.lhs.isShared)
    std::tie(lhs.batches, lhs.batchPitch) = std::pair(arguments.batches, arguments.lhsBatchPitch);
  if (kernel.hasBatches && !kernel.rhs.isShared)
    std::tie(rhs.batches, rhs.batchPitch) = std::pair(arguments.batches, arguments.rhsBatchPitch);
  return {b.min(numTiles, b.i32(multiprocessors)), {lhs.build(b), rhs.build(b)}};
}

PersistentTiles::PersistentTiles(KernelBuilder &b, const MatmulKernel &kernel, const MatmulArguments &arguments, int64_t rows,
                                 int64_t columns, int64_t stepBytes)
    : kernel(kernel), order(b, arguments, rows, columns), stepBytes(stepBytes) {
  block = b.blockId();
  blocks = b.toI32(gpu::GridDimOp::create(b, gpu::Dimension::x));
  count = arith::DivUIOp::create(b, b.sub(b.add(order.getCount(b), b.add(blocks, -1)), block), blocks);
  steps = b.ceilDiv(arguments.depth, stepBytes);
}

std::pair<Value, Value> PersistentTiles::getOrigin(KernelBuilder &b, Value index) const { return order.getOrigin(b, getTile(b, index)); }

MatmulArguments PersistentTiles::getArguments(KernelBuilder &b, const MatmulArguments &arguments, Value index) const {
  return kernel.hasBatches ? arguments.atBatch(b, kernel, order.getBatch(b, getTile(b, index))) : arguments;
}

void PersistentTiles::emitCopies(KernelBuilder &b, const BufferRing &ring, const Buffer &buffer) const {
  RingPlace start = ring.getWriterStart(b);
  b.loop(b.i32(0), count, 1, {start.stage, start.parity}, [&](Value index, ValueRange places) {
    auto [row, column] = getOrigin(b, index);
    Value batch = order.getBatch(b, getTile(b, index)); // null where there are none
    Value lhsBatch = kernel.lhs.isShared ? Value() : batch, rhsBatch = kernel.rhs.isShared ? Value() : batch;
    return b.loop(b.i32(0), steps, 1, places, [&, row = row, column = column](Value step, ValueRange carried) {
      RingPlace place{carried[0], carried[1]};
      ring.waitUntilEmpty(b, place);
      ring.expect(b, place.stage, buffer.copiedBytes);
      Value depth = b.mul(step, stepBytes), full = ring.getFullBarrier(b, place.stage);
      Value memory = ring.getBuffer(b, place.stage);
      copyBox(b, buffer.lhsMap, memory, full, row, depth, lhsBatch);
      copyBox(b, buffer.rhsMap, b.offset(memory, buffer.lhsBytes), full, column, depth, rhsBatch);
      RingPlace next = ring.advance(b, place);
      return SmallVector<Value>{next.stage, next.parity};
    });
  });
}

} // namespace mlir::lowbit
