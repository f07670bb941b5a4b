//===- GroupedLane.cpp - a lane of a product with weights of few bits -----===//

#include "GroupedLane.h"

namespace mlir::lowbit {

GroupedLane::GroupedLane(KernelBuilder &b, const GroupedPlan &plan, ValueRange values)
    : b(b), plan(plan), kernel(plan.kernel), weights(kernel.types.getWeights()) {
  auto take = [&] {
    Value value = values.front();
    values = values.drop_front();
    return value;
  };
  lhs = take();
  rhs = take();
  if (kernel.scale)
    scales = take();
  if (kernel.hasZeros)
    zeros = take();
  for (size_t i = 0; i < kernel.shared.operands.size(); ++i)
    arguments.operands.push_back(take());
  for (size_t i = 0; i < kernel.shared.results.size(); ++i)
    arguments.results.push_back(take());
  arguments.rows = take();
  arguments.columns = take();
  depth = take();
  thread = b.threadId();
  Value lane = b.rem(thread, 32);
  warp = b.div(thread, 32);
  place = b.div(lane, 4);
  quad = b.rem(lane, 4);
  Value firstTile = b.mul(b.blockId(), plan.tiles);
  firstColumn = b.mul(firstTile, LaneWeights::columns);
  firstRow = b.mul(b.blockId(gpu::Dimension::y), plan.rows);
  Value allTiles = b.ceilDiv(arguments.columns, LaneWeights::columns);
  allColumns = b.mul(allTiles, LaneWeights::columns);
  // A group, or a step that has some, is a unit: warps take them in turn.
  units = b.ceilDiv(depth, getGroupDepth());
  products.emplace(b, kernel.types, b.div(arguments.rows, int64_t(1) << 31));
  Value shared = b.sharedMemory();
  ring = b.offset(shared, b.add(b.mul(warp, plan.slots * plan.getSlotBytes()), b.mul(lane, LaneWeights::laneBytes)));
  sharedScales = b.offset(shared, plan.getScalesOffset());
  sharedDots = b.offset(sharedScales, plan.getScalesBytes());
  Value rowBytes = b.mul(b.widen(units), weights.getRowBytes(getGroupDepth(), getGroupDepth()));
  for (int64_t i = 0; i < plan.tiles; ++i) {
    tileIndices.push_back(plan.tiles == 1 ? firstTile : b.min(b.add(firstTile, i), b.add(allTiles, -1)));
    Value start = b.add(b.mul(b.widen(tileIndices[i]), rowBytes), b.widen(b.mul(lane, LaneWeights::laneBytes)));
    rhsRows.push_back(b.offset(rhs, start));
  }
  for (int64_t i = 0; i < getRowTiles(); ++i) {
    Value row = b.min(b.add(b.add(firstRow, place), 8 * i), b.add(arguments.rows, -1));
    lhsRows.push_back(b.offset(lhs, b.mul(b.mul(b.widen(row), b.widen(depth)), getElementBytes())));
  }
}

} // namespace mlir::lowbit
