//===- GroupScales.cpp - scales that change along the reduction, in a lane -===//
// Law: dots of groups join the real in their order, by one fused multiply-add each, as `lowbit.matmul` says.

#include "GroupScales.h"
#include "ElementAccess.h"
#include "lowbit/Formats/Build.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"

namespace mlir::lowbit {

GroupScales::GroupScales(KernelBuilder &b, const MatmulKernel &kernel, const MatmulArguments &arguments, const AccumulatorTile &tile)
    : b(b), kernel(kernel), arguments(arguments), tile(tile), groups(b.div(arguments.depth, kernel.group)) {
  if (!kernel.lhsScale)
    return;
  Value last = b.add(arguments.rows, -1), pitch = b.mul(b.widen(groups), getElementBytes(kernel.lhsScale));
  for (const TilePlace &place : tile.places) {
    if (rows.contains(place.row))
      continue;
    Value row = b.min(b.add(tile.row, place.row), last);
    rows[place.row] = b.offset(arguments.lhsScales, b.mul(b.widen(row), pitch));
  }
}

SmallVector<Value> GroupScales::loadReals(FloatType type, Value pointer, int64_t count) {
  // Floats of 8 bits are loaded as bytes.
  Type stored = type.getWidth() == 8 ? Type(b.getI8Type()) : type;
  return llvm::map_to_vector(b.loadElements(stored, pointer, count), [&](Value value) {
    return buildAsF32(b, b.getLoc(), stored == type ? value : arith::BitcastOp::create(b, type, value).getResult());
  });
}

Value GroupScales::chooseInside(Value inside, Value scale, double beyond) {
  return inside ? b.select(inside, scale, arith::ConstantOp::create(b, b.getF32FloatAttr(static_cast<float>(beyond)))) : scale;
}

GroupScales::Loaded GroupScales::load(Value group, bool mayBeBeyond) {
  Value inside;
  if (mayBeBeyond) {
    inside = b.lessThan(group, groups);
    group = b.min(group, b.add(groups, -1));
  }
  // A dot of zeros times -0 is -0, which changes nothing that it is added to.
  Loaded loaded;
  Value wide = b.widen(group);
  for (auto [row, start] : rows) {
    Value scale = loadReals(kernel.lhsScale, b.offset(start, b.mul(wide, getElementBytes(kernel.lhsScale))), 1)[0];
    loaded.rows[row] = chooseInside(inside, scale, kernel.rhsScale ? 0.0 : -0.0);
  }
  if (!kernel.rhsScale)
    return loaded;
  int64_t bytes = getElementBytes(kernel.rhsScale), width = kernel.columnAlignment % 2 == 0 ? 2 : 1;
  Value start = b.offset(arguments.rhsScales, b.mul(wide, b.mul(b.widen(arguments.columns), bytes)));
  Value last = b.add(arguments.columns, -width);
  for (const TilePlace &place : tile.places) {
    if (place.column % width != 0 || loaded.columns.contains(place.column))
      continue;
    Value column = b.min(b.add(tile.column, place.column), last);
    for (auto [i, scale] : llvm::enumerate(loadReals(kernel.rhsScale, b.offset(start, b.mul(b.widen(column), bytes)), width)))
      loaded.columns[place.column + static_cast<int64_t>(i)] = chooseInside(inside, scale, -0.0);
  }
  return loaded;
}

void GroupScales::add(const Loaded &scales, ArrayRef<Value> dots, MutableArrayRef<Value> reals) {
  for (auto [place, dot, real] : llvm::zip_equal(tile.places, dots, reals)) {
    Value term = dot.getType().isInteger() ? arith::SIToFPOp::create(b, b.getF32Type(), dot).getResult() : dot;
    Value row = scales.rows.lookup(place.row), column = scales.columns.lookup(place.column);
    if (row && column)
      term = arith::MulFOp::create(b, term, row);
    real = math::FmaOp::create(b, term, column ? column : row, real);
  }
}

} // namespace mlir::lowbit
