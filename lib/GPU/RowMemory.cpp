//===- RowMemory.cpp - operands of steps that are buffers in memory -------===//

#include "RowMemory.h"
#include "ElementAccess.h"
#include <numeric>

namespace mlir::lowbit {

RowMemory::RowMemory(RowLane &lane, const RowStep &step, OpOperand &operand)
    : lane(lane), step(step), map(step.op.getMatchingIndexingMap(&operand)), view(lane.elements.getView(operand.get())) {
  variesByRow = step.varies(operand, step.row);
  variesByColumn = step.varies(operand, step.column);
  int64_t multiple = view.alignment;
  if (!variesByColumn)
    return;
  AffineExpr column = getAffineDimExpr(*step.column, map.getContext());
  for (auto [expr, stride] : llvm::zip_equal(map.getResults(), view.strides)) {
    if (expr == column)
      columnStride += stride;
    else if (expr.isFunctionOfDim(*step.column))
      isPlain = false;
    else if (auto constant = dyn_cast<AffineConstantExpr>(expr))
      multiple = std::gcd(multiple, constant.getValue() * stride);
    else
      multiple = std::gcd(multiple, stride);
  }
  isAligned = isPlain && multiple % lane.layout.vector == 0;
}

SmallVector<Value> RowMemory::load(int64_t row, unsigned piece, const ColumnPiece &place, const LoopIndices &indices) {
  if (!variesByColumn)
    return {loadElement(lane.b, view.element, getStart(row, Value(), indices))};
  if (!isPlain) {
    SmallVector<Value> values;
    for (int64_t i = 0; i < lane.layout.vector; ++i)
      values.push_back(loadElement(lane.b, view.element, getStart(row, lane.getColumn(place, i), indices)));
    return values;
  }
  return lane.elements.loadNeighbours(view, getPlace(row, place, indices), columnStride, lane.layout.vector, isAligned);
}

void RowMemory::store(int64_t row, const ColumnPiece &place, const LoopIndices &indices, ArrayRef<Value> values) {
  if (!variesByColumn)
    storeElement(lane.b, values[0], getStart(row, Value(), indices));
  else
    lane.elements.storeNeighbours(view, getPlace(row, place, indices), columnStride, values, isAligned);
}

Value RowMemory::getPlace(int64_t row, const ColumnPiece &place, const LoopIndices &indices) {
  int64_t bytes = llvm::divideCeil(view.element.getIntOrFloatBitWidth(), 8);
  return lane.b.offset(getStart(row, place.base, indices), place.offset * columnStride * bytes);
}

Value RowMemory::getStart(int64_t row, Value column, const LoopIndices &indices) {
  LoopIndices all(indices);
  all[step.row] = lane.rows[row];
  if (step.column)
    all[*step.column] = column;
  return lane.elements.getAddress(view, map, all);
}

} // namespace mlir::lowbit
