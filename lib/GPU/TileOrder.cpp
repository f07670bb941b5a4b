//===- TileOrder.cpp - which tile of the result a block computes next -----===//

#include "TileOrder.h"
#include "mlir/Dialect/Arith/IR/Arith.h"

namespace mlir::lowbit {

TileOrder::TileOrder(KernelBuilder &b, const MatmulArguments &arguments, int64_t rows, int64_t columns)
    : rows(rows), columns(columns), tileRows(b.ceilDiv(arguments.rows, rows)), tileColumns(b.ceilDiv(arguments.columns, columns)),
      batches(arguments.batches) {}

Value TileOrder::getCount(KernelBuilder &b) const {
  Value count = b.mul(tileRows, tileColumns);
  return batches ? b.mul(count, batches) : count;
}

Value TileOrder::getBatch(KernelBuilder &b, Value tile) const {
  return batches ? arith::DivUIOp::create(b, tile, b.mul(tileRows, tileColumns)).getResult() : Value();
}

std::pair<Value, Value> TileOrder::getOrigin(KernelBuilder &b, Value tile) const {
  if (batches)
    tile = arith::RemUIOp::create(b, tile, b.mul(tileRows, tileColumns));
  Value bandTiles = b.mul(tileColumns, bandRows);
  Value band = arith::DivUIOp::create(b, tile, bandTiles), rest = arith::RemUIOp::create(b, tile, bandTiles);
  Value first = b.mul(band, bandRows);
  // The last band may be lower.
  Value height = b.min(b.sub(tileRows, first), b.i32(bandRows));
  Value row = b.add(first, arith::RemUIOp::create(b, rest, height)), column = arith::DivUIOp::create(b, rest, height);
  return {b.mul(row, rows), b.mul(column, columns)};
}

} // namespace mlir::lowbit
