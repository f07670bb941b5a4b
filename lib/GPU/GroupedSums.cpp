//===- GroupedSums.cpp - dots of groups, added in their order -------------===//
// Law: dots are added in the order of groups, by one fused multiply-add each.

#include "GroupedSums.h"
#include "lowbit/Formats/Build.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"

namespace mlir::lowbit {

SmallVector<Value> GroupedSums::forOwnRuns(Type type, function_ref<SmallVector<Value>(int64_t)> compute) {
  SmallVector<Value> values;
  for (int64_t i = 0; i < getRunsOfThread(); ++i) {
    if (doAllAdd(i)) {
      llvm::append_range(values, compute(i));
      continue;
    }
    SmallVector<Type> types(plan.getRun(), type);
    auto branch = scf::IfOp::create(b, types, isAdding(i), /*withElseRegion=*/true);
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(branch.thenBlock());
    scf::YieldOp::create(b, compute(i));
    b.setInsertionPointToStart(branch.elseBlock());
    Value zero = arith::ConstantOp::create(b, b.getZeroAttr(type));
    scf::YieldOp::create(b, SmallVector<Value>(plan.getRun(), zero));
    llvm::append_range(values, branch.getResults());
  }
  return values;
}

SmallVector<Value> GroupedSums::loadDots(Type type, Value dot, int64_t run) {
  return b.loadElements(type, getDot(dot, getPlace(b.mul(getOwnRun(run), plan.getRun()))), plan.getRun());
}

Value GroupedSums::toReal(Value dot) {
  return dot.getType().isInteger() ? arith::SIToFPOp::create(b, b.getF32Type(), dot).getResult() : dot;
}

void GroupedSums::storeDots(Value dot, ArrayRef<Value> sums, bool areReal) {
  auto store = [&] {
    Value first = getPlace(b.add(b.mul(place, plan.rows), b.mul(quad, 2)));
    for (int64_t tile = 0; tile < plan.tiles; ++tile)
      for (int64_t row = 0; row < getRowTiles(); ++row)
        for (int64_t half = 0; half < 2; ++half) {
          Value start = row == 0 ? first : b.bitXor(first, b.i32(8));
          Value element = b.add(start, (LaneWeights::columns * tile + 8 * half) * plan.rows);
          SmallVector<Value> pair(sums.slice((tile * getRowTiles() + row) * 4 + 2 * half, 2));
          for (Value &value : pair)
            if (areReal)
              value = toReal(products->finish(value));
          auto type = VectorType::get({2}, pair[0].getType());
          b.store(vector::FromElementsOp::create(b, type, pair), getDot(dot, element), 8);
        }
  };
  if (plan.rows >= 8)
    store();
  else
    b.when(b.lessThan(quad, b.i32(plan.rows / 2)), store);
}

SmallVector<Value> GroupedSums::loadScales(Value turn) {
  if (!kernel.scale)
    return {};
  SmallVector<Value> loaded;
  Value first = b.mul(turn, plan.warps * kernel.getGroupsOfStep()), last = b.add(b.div(depth, kernel.group), -1);
  int64_t bytes = kernel.scale.getIntOrFloatBitWidth() / 8, pieceBytes = 16 * bytes / getScaleBytes();
  Type type = pieceBytes == 16 ? Type(VectorType::get({4}, b.getI32Type())) : b.getI32Type();
  Value lastPiece = b.add(b.mul(allColumns, bytes), -pieceBytes);
  for (int64_t i = 0; i < getAllScalePieces(); i += plan.getThreads()) {
    Value index = b.add(thread, i);
    Value group = b.min(b.add(first, b.div(index, getScalePieces())), last);
    Value piece = b.min(b.add(b.mul(firstColumn, bytes), b.mul(b.rem(index, getScalePieces()), pieceBytes)), lastPiece);
    Value row = b.mul(b.widen(group), b.mul(b.widen(allColumns), bytes));
    loaded.push_back(b.load(type, b.offset(scales, b.add(row, b.widen(piece))), pieceBytes));
  }
  return loaded;
}

Value GroupedSums::widenScales(Value loaded) {
  if (kernel.getSharedScale() == kernel.scale)
    return loaded;
  SmallVector<Value> reals;
  for (int64_t i = 0; i < 4; ++i) {
    Value byte = arith::TruncIOp::create(b, b.getI8Type(), b.div(loaded, int64_t(1) << 8 * i));
    reals.push_back(buildAsF32(b, b.getLoc(), arith::BitcastOp::create(b, kernel.scale, byte)));
  }
  return vector::FromElementsOp::create(b, VectorType::get({4}, b.getF32Type()), reals);
}

void GroupedSums::storeScales(ArrayRef<Value> loaded) {
  for (int64_t i = 0, size = loaded.size(); i < size; ++i) {
    Value index = b.add(thread, i * plan.getThreads());
    auto store = [&] { b.store(widenScales(loaded[i]), b.offset(sharedScales, b.mul(index, 16)), 16); };
    if ((i + 1) * plan.getThreads() <= getAllScalePieces())
      store();
    else
      b.when(b.lessThan(index, b.i32(getAllScalePieces())), store);
  }
}

void GroupedSums::addUp(Value turn, SmallVector<Value> &reals) {
  constexpr int64_t together = 8; // whose loads are under way at a time
  Value first = b.mul(turn, plan.warps * kernel.getGroupsOfStep());
  Value count = b.min(b.sub(b.div(depth, kernel.group), first), b.i32(plan.getDots())), whole = b.mul(b.div(count, together), together);
  reals = forOwnRuns(b.getF32Type(), [&, before = reals](int64_t i) {
    Value column = b.div(getOwnRun(i), plan.rows / plan.getRun());
    Value factors = b.offset(sharedScales, b.mul(column, getScaleBytes()));
    auto add = [&](Value group, int64_t groups, ValueRange sums) {
      Value factor = b.offset(factors, b.mul(group, plan.getColumns() * getScaleBytes()));
      SmallVector<Value> loadedFactors, added(sums);
      SmallVector<SmallVector<Value>> loadedDots;
      for (int64_t j = 0; j < groups; ++j) {
        loadedFactors.push_back(
            b.load(kernel.getSharedScale(), b.offset(factor, j * plan.getColumns() * getScaleBytes()), getScaleBytes()));
        loadedDots.push_back(loadDots(b.getF32Type(), b.add(group, j), i));
      }
      for (int64_t j = 0; j < groups; ++j) {
        Value scale = buildAsF32(b, b.getLoc(), loadedFactors[j]);
        for (auto [sum, dot] : llvm::zip(added, loadedDots[j]))
          sum = math::FmaOp::create(b, dot, scale, sum);
      }
      return added;
    };
    SmallVector<Value> sums(ArrayRef(before).slice(i * plan.getRun(), plan.getRun()));
    sums = b.loop(b.i32(0), whole, together, sums, [&](Value group, ValueRange inner) { return add(group, together, inner); });
    return b.loop(whole, count, 1, sums, [&](Value group, ValueRange inner) { return add(group, 1, inner); });
  });
}

} // namespace mlir::lowbit
