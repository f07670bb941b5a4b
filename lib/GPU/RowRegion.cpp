//===- RowRegion.cpp - regions of steps, for all places of a lane ---------===//
// Law: what is the same for a whole row is computed once for it.

#include "RowRegion.h"
#include "WarpReduce.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/IRMapping.h"

namespace mlir::lowbit {

RowRegion::RowRegion(RowLane &lane, const RowStep &step) : lane(lane), step(step), varying(step.findVarying()) {
  linalg::LinalgOp op = step.op;
  pieces = lane.getPieces(step.getColumns());
  for (OpOperand &operand : op->getOpOperands()) {
    if (!op.payloadUsesValueFromOperand(&operand))
      continue;
    bool isMemory = isa<MemRefType>(operand.get().getType()) && !lane.tiles.contains(operand.get());
    if (isMemory && !RowElements::isLocal(operand.get()))
      memory.try_emplace(&operand, lane, step, operand);
  }
}

SmallVector<RowTile> RowRegion::evaluate(const LoopIndices &indices, ArrayRef<Operation *> combiners, ArrayRef<RowTile> sums) {
  linalg::LinalgOp op = step.op;
  bool hasColumns = step.column.has_value(), areMany = hasColumns && combiners.empty();
  SmallVector<RowTile> results(op->getNumOperands() - op.getNumDpsInputs());
  for (RowTile &result : results) {
    result.perRow = areMany ? static_cast<int64_t>(pieces.size()) * lane.layout.vector : 1;
    result.hasColumns = areMany;
  }
  DenseMap<std::pair<OpOperand *, unsigned>, SmallVector<Value>> loadedColumns;
  for (int64_t row = 0; row < lane.layout.getLaneRows(); ++row) {
    IRMapping uniform;
    LoopIndices places(indices);
    places[step.row] = lane.rows[row];
    mapOperands(uniform, /*areVarying=*/false, [&](OpOperand &operand) -> Value {
      if (auto it = memory.find(&operand); it != memory.end())
        return it->second.load(row, 0, {}, indices)[0];
      return lane.getKnown(operand.get(), row, 0);
    });
    for (Operation &nested : op.getBlock()->without_terminator())
      if (!isVarying(nested) && !llvm::is_contained(combiners, &nested))
        lane.elements.clone(nested, uniform, places);
    SmallVector<Value> joined(combiners.size());
    for (auto [number, piece] : llvm::enumerate(pieces)) {
      DenseMap<OpOperand *, SmallVector<Value>> loaded;
      for (auto &[operand, source] : memory)
        if (source.variesByColumn) {
          SmallVector<Value> *kept = source.variesByRow ? nullptr : &loadedColumns[{operand, static_cast<unsigned>(number)}];
          loaded[operand] = kept && !kept->empty() ? *kept : source.load(row, number, piece, indices);
          if (kept)
            *kept = loaded[operand];
        }
      for (int64_t i = 0; i < (hasColumns ? lane.layout.vector : 1); ++i) {
        IRMapping mapping(uniform);
        int64_t column = static_cast<int64_t>(number) * lane.layout.vector + i;
        if (hasColumns)
          places[*step.column] = lane.getColumn(piece, i);
        mapOperands(mapping, /*areVarying=*/true, [&](OpOperand &operand) -> Value {
          if (auto it = loaded.find(&operand); it != loaded.end())
            return it->second[i];
          return lane.getKnown(operand.get(), row, column);
        });
        for (auto [argument, sum] : llvm::zip(op.getRegionOutputArgs(), sums))
          mapping.map(argument, sum.get(row, column));
        for (Operation &nested : op.getBlock()->without_terminator())
          if (isVarying(nested) && !llvm::is_contained(combiners, &nested))
            lane.elements.clone(nested, mapping, places);
        if (!combiners.empty()) {
          joinElements(combiners, mapping, piece.inside, joined);
          continue;
        }
        for (auto [result, tile] : llvm::enumerate(results))
          tile.values.push_back(lane.elements.resolve(op.getBlock()->getTerminator()->getOperand(result), mapping));
      }
    }
    for (auto [tile, value] : llvm::zip(results, joined))
      tile.values.push_back(value);
  }
  return results;
}

void RowRegion::mapOperands(IRMapping &mapping, bool areVarying, function_ref<Value(OpOperand &)> get) {
  linalg::LinalgOp op = step.op;
  for (OpOperand &operand : op->getOpOperands()) {
    if (!op.payloadUsesValueFromOperand(&operand) || step.varies(operand, step.column) != areVarying)
      continue;
    BlockArgument argument = op.getMatchingBlockArgument(&operand);
    if (!isa<MemRefType>(operand.get().getType())) {
      IRMapping nothing;
      mapping.map(argument, lane.elements.resolve(operand.get(), nothing));
    } else if (Value value = get(operand)) {
      mapping.map(argument, value);
    }
  }
}

void RowRegion::joinElements(ArrayRef<Operation *> combiners, IRMapping &mapping, Value inside, MutableArrayRef<Value> joined) {
  linalg::LinalgOp op = step.op;
  KernelBuilder &b = lane.b;
  auto get = [&](Value value) { return lane.elements.resolve(value, mapping); };
  for (auto [result, combiner] : llvm::enumerate(combiners)) {
    Value &before = joined[result];
    Value after = join(b, combiner, op.getRegionOutputArgs()[result], before, get);
    if (inside)
      after = b.select(inside, after, before ? before : arith::ConstantOp::create(b, getNeutral(combiner)).getResult());
    before = after;
  }
}

} // namespace mlir::lowbit
