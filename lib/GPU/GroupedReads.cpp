//===- GroupedReads.cpp - what a product with weights of few bits reads ---===//
// Law: a lane reads weights that it copied itself; what it reads beyond the borders is zero, or is not added.

#include "GroupedReads.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"

namespace mlir::lowbit {

void GroupedReads::prefetch() {
  constexpr int64_t lineBytes = 128;
  auto level = NVVM::PrefetchCacheLevelAttr::get(b.getContext(), NVVM::PrefetchCacheLevel::L2);
  auto touch = [&](Value pointer) {
    NVVM::PrefetchOp::create(b, level, NVVM::CacheEvictionPriorityAttr(), pointer, /*predicate=*/Value(), /*tensormap=*/UnitAttr());
  };
  Value all = b.mul(b.mul(b.widen(arguments.rows), b.widen(depth)), getElementBytes());
  Value grid = b.toI32(gpu::GridDimOp::create(b, gpu::Dimension::x));
  Value block = b.add(b.mul(b.blockId(gpu::Dimension::y), grid), b.blockId());
  Value line = b.mul(b.widen(b.add(b.mul(block, plan.getThreads()), thread)), lineBytes);
  b.when(b.lessThan(line, all), [&] { touch(b.offset(lhs, line)); });
  Value element = b.rem(thread, plan.getElements());
  Value rowIndex = b.min(b.add(firstRow, b.rem(element, plan.rows)), b.add(arguments.rows, -1));
  Value columnIndex = b.min(b.add(firstColumn, b.div(element, plan.rows)), b.add(arguments.columns, -1));
  for (auto [operand, pointer] : llvm::zip(kernel.shared.operands, arguments.operands)) {
    Value index = operand.kind == OperandKind::Row ? rowIndex : operand.kind == OperandKind::Column ? columnIndex : Value();
    if (index)
      touch(b.offset(pointer, b.mul(b.widen(index), operand.type.getIntOrFloatBitWidth() / 8)));
  }
}

Value GroupedReads::getStart(Value step) {
  int64_t perGroup = kernel.getStepsOfGroup();
  Value unit = b.add(b.mul(b.div(step, perGroup), plan.warps), warp);
  return b.add(b.mul(unit, getGroupDepth()), b.mul(b.rem(step, perGroup), kernel.getStepDepth()));
}

void GroupedReads::fill(Value slot, Value step) {
  Value start = getStart(step), isInside = b.lessThan(start, b.mul(units, getGroupDepth()));
  Value size = b.select(isInside, b.i32(LaneWeights::laneBytes), b.i32(0)), target = b.offset(ring, slot);
  Value bytes = b.mul(b.widen(start), weights.getRowBytes(getGroupDepth(), getGroupDepth()) / getGroupDepth());
  for (int64_t i = 0; i < plan.tiles; ++i)
    for (int64_t piece = 0; piece < plan.getPieces(); ++piece)
      NVVM::CpAsyncOp::create(b, b.offset(target, (i * plan.getPieces() + piece) * LaneWeights::pieceBytes),
                              b.offset(b.offset(rhsRows[i], bytes), piece * LaneWeights::pieceBytes),
                              static_cast<uint32_t>(LaneWeights::laneBytes), NVVM::LoadCacheModifierKind::CG, size);
  NVVM::CpAsyncCommitGroupOp::create(b);
}

SmallVector<Value> GroupedReads::loadLeft(Value step) {
  SmallVector<Value> loaded(getRowTiles() * getLeftWords() * getProducts());
  Value start = getLeftStart(step);
  for (int64_t load = 0; load < getProducts() / weights.getProductsOfLoad(); ++load)
    loadLhs(start, load, loaded);
  llvm::append_range(loaded, loadZeros(start));
  return loaded;
}

Value GroupedReads::getLeftStart(Value step) {
  Value start = getStart(step);
  // Beyond the last step is nothing that will be used.
  return kernel.hasWholeSteps() ? b.min(start, b.add(depth, -kernel.getStepDepth())) : start;
}

void GroupedReads::loadLhs(Value start, int64_t load, MutableArrayRef<Value> loaded) {
  Value first = b.add(b.add(start, b.mul(quad, weights.laneDepth)), load * 4 * weights.laneDepth);
  for (auto [i, row] : llvm::enumerate(lhsRows))
    llvm::copy(loadWords(row, first),
               loaded.begin() + i * getLeftWords() * getProducts() + load * weights.getLoadWords() * kernel.types.getWords());
}

SmallVector<Value> GroupedReads::loadZeros(Value start) {
  SmallVector<Value> loaded;
  for (int64_t i = 0; kernel.hasZeros && i < kernel.getGroupsOfStep(); ++i) {
    Value group = b.min(b.add(b.div(start, kernel.group), i), b.add(b.div(depth, kernel.group), -1));
    for (Value tile : tileIndices)
      for (int64_t half = 0; half < 2; ++half) {
        Value column = b.add(b.add(b.mul(tile, LaneWeights::columns), place), 8 * half);
        Value zero = b.load(b.getI8Type(), b.offset(zeros, b.add(b.mul(b.widen(group), b.widen(allColumns)), b.widen(column))), 1);
        loaded.push_back(kernel.types.isUnsigned ? arith::ExtUIOp::create(b, b.getI32Type(), zero).getResult()
                                                 : arith::ExtSIOp::create(b, b.getI32Type(), zero).getResult());
      }
  }
  return loaded;
}

SmallVector<Value> GroupedReads::loadWords(Value row, Value first) {
  Value inside = kernel.hasWholeSteps() ? first : b.min(first, b.add(depth, -weights.laneDepth));
  constexpr int64_t wordsOfLoad = 4;
  Value pointer = b.offset(row, b.mul(b.widen(inside), getElementBytes()));
  SmallVector<Value> words;
  for (int64_t left = weights.getLoadWords() * kernel.types.getWords(); left > 0; left -= wordsOfLoad)
    llvm::append_range(
        words, b.loadElements(b.getI32Type(), b.offset(pointer, static_cast<int64_t>(words.size()) * 4), std::min(left, wordsOfLoad)));
  if (kernel.hasWholeSteps() || kernel.scale)
    return words;
  Value isInside = b.lessThan(first, depth);
  return llvm::map_to_vector(words, [&](Value word) { return b.select(isInside, word, b.i32(0)); });
}

} // namespace mlir::lowbit
