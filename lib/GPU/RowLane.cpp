//===- RowLane.cpp - a lane of a kernel over rows, and what it has --------===//

#include "RowLane.h"

namespace mlir::lowbit {

/// The indices of the loop for a block.
static SmallVector<Value> findInductions(KernelBuilder &b, const RowKernel &kernel) {
  scf::ForallOp loop = kernel.loop;
  Value rest = b.blockId();
  SmallVector<Value> inductions(loop.getRank());
  for (int64_t i = loop.getRank() - 1; i >= 0; --i) {
    int64_t lower = loop.getStaticLowerBound()[i], step = loop.getStaticStep()[i];
    int64_t count = llvm::divideCeil(loop.getStaticUpperBound()[i] - lower, step);
    inductions[i] = b.add(b.mul(i == 0 ? rest : b.rem(rest, count), step), lower);
    rest = b.div(rest, count);
  }
  return inductions;
}

RowLane::RowLane(KernelBuilder &b, const RowKernel &kernel, ValueRange arguments)
    : b(b), kernel(kernel), layout(kernel.layout), elements(b, kernel.loop, kernel.values, arguments, findInductions(b, kernel)) {
  Value thread = b.threadId(), warp = b.div(thread, 32);
  lane = b.rem(thread, 32);
  share = b.rem(warp, layout.shares);
  bool isWhole = kernel.rows % layout.getWarpRows() == 0;
  for (int64_t i = 0; i < layout.getLaneRows(); ++i) {
    Value row = layout.areFragments ? b.add(b.add(b.mul(warp, 16), b.div(lane, 4)), 8 * i) : kernel.rows == 1 ? b.i32(0) : warp;
    insideRows.push_back(isWhole ? Value() : b.lessThan(row, b.i32(kernel.rows)));
    rows.push_back(isWhole ? row : b.min(row, b.i32(kernel.rows - 1)));
  }
}

SmallVector<ColumnPiece> RowLane::getPieces(int64_t count) {
  int64_t width = layout.vector, stride = layout.getLanes() * width;
  Value first = b.mul(layout.areFragments ? b.rem(lane, 4) : lane, width);
  SmallVector<ColumnPiece> pieces;
  for (int64_t offset = 0; offset < count; offset += stride) {
    if (offset + stride <= count)
      pieces.push_back({first, offset, Value()});
    else
      pieces.push_back({b.min(first, b.i32(count - width - offset)), offset, b.lessThan(first, b.i32(count - offset))});
  }
  return pieces;
}

Value RowLane::getKnown(Value buffer, int64_t row, int64_t column) {
  auto found = tiles.find(buffer);
  return found == tiles.end() ? Value() : found->second.get(row, column);
}

} // namespace mlir::lowbit
