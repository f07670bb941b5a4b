//===- TileOrder.cpp - which tile of the result a block computes next -----===//

#include "TileOrder.h"
#include "mlir/Dialect/Arith/IR/Arith.h"

namespace mlir::lowbit {

TileOrder::TileOrder(KernelBuilder &b, Value totalRows, Value totalColumns, int64_t rows, int64_t columns)
    : rows(rows), columns(columns), tileRows(b.ceilDiv(totalRows, rows)), tileColumns(b.ceilDiv(totalColumns, columns)) {}

Value TileOrder::getCount(KernelBuilder &b) const { return b.mul(tileRows, tileColumns); }

std::pair<Value, Value> TileOrder::getOrigin(KernelBuilder &b, Value tile) const {
  Value bandTiles = b.mul(tileColumns, bandRows);
  Value band = arith::DivUIOp::create(b, tile, bandTiles), rest = arith::RemUIOp::create(b, tile, bandTiles);
  Value first = b.mul(band, bandRows);
  // The last band may be lower.
  Value height = b.min(b.sub(tileRows, first), b.i32(bandRows));
  Value row = b.add(first, arith::RemUIOp::create(b, rest, height)), column = arith::DivUIOp::create(b, rest, height);
  return {b.mul(row, rows), b.mul(column, columns)};
}

} // namespace mlir::lowbit
