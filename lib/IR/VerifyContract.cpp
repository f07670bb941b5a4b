//===- VerifyContract.cpp - the maps of a contraction ---------------------===//

#include "VerifyContract.h"

namespace mlir::lowbit {

static SmallVector<Value> getMappedOperands(ContractOp op) {
  SmallVector<Value> operands{op.getLhs(), op.getRhs(), op.getInit()};
  llvm::append_range(operands, op.getEpilogueOperands());
  return operands;
}

static ArrayRef<int64_t> getShape(Value operand) { return cast<RankedTensorType>(operand.getType()).getShape(); }

/// A sum of multiples of loops and a constant.
static bool isLinear(AffineExpr expr) {
  WalkResult result = expr.walk([](AffineExpr part) {
    AffineExprKind kind = part.getKind();
    bool isDivision = kind == AffineExprKind::Mod || kind == AffineExprKind::FloorDiv || kind == AffineExprKind::CeilDiv;
    return isDivision ? WalkResult::interrupt() : WalkResult::advance();
  });
  return !result.wasInterrupted();
}

/// Each map by itself.
static LogicalResult verifyForms(ContractOp op) {
  unsigned loops = op.getNumLoops();
  for (auto [i, operand] : llvm::enumerate(getMappedOperands(op))) {
    AffineMap map = op.getMap(i);
    if (map.getNumSymbols() != 0)
      return op.emitOpError() << "(C1) indexing map " << i << " has " << map.getNumSymbols() << " symbols; expected none";
    if (map.getNumDims() != loops)
      return op.emitOpError() << "(C1) indexing map " << i << " has " << map.getNumDims() << " dimensions; expected " << loops;
    if (map.getNumResults() != getShape(operand).size())
      return op.emitOpError() << "(C1) indexing map " << i << " has " << map.getNumResults() << " results for an operand of rank "
                              << getShape(operand).size();
    if (i < 2 && !llvm::all_of(map.getResults(), isLinear))
      return op.emitOpError() << "(C1) indexing map " << i << " divides; expected sums of multiples of loops: " << AffineMapAttr::get(map);
    if (i >= 2 && !map.isProjectedPermutation())
      return op.emitOpError() << "(C1) indexing map " << i << " of the " << (i == 2 ? "result" : "epilogue")
                              << " is not a projected permutation: " << AffineMapAttr::get(map);
    for (AffineExpr expr : map.getResults())
      if (i > 2 && op.getIteratorTypes()[cast<AffineDimExpr>(expr).getPosition()] == utils::IteratorType::reduction)
        return op.emitOpError() << "(C1) indexing map " << i << " of the epilogue uses d" << cast<AffineDimExpr>(expr).getPosition()
                                << ", which is a reduction; expected loops of the result";
  }
  return success();
}

/// Axes that are loops have the sizes of those loops, and every loop is an axis of lhs, rhs or the result.
static LogicalResult verifyLoopSizes(ContractOp op, ArrayRef<int64_t> sizes) {
  SmallVector<bool> isAxis(sizes.size(), false);
  for (auto [i, operand] : llvm::enumerate(getMappedOperands(op)))
    for (auto [axis, expr] : llvm::enumerate(op.getMap(i).getResults())) {
      auto dim = dyn_cast<AffineDimExpr>(expr);
      if (!dim)
        continue;
      isAxis[dim.getPosition()] = true;
      int64_t found = getShape(operand)[axis], size = sizes[dim.getPosition()];
      if (!ShapedType::isDynamic(found) && !ShapedType::isDynamic(size) && found != size)
        return op.emitOpError() << "(C1) operand " << i << " has size " << found << " along axis " << axis << ", but loop d"
                                << dim.getPosition() << " has size " << size;
    }
  for (auto [loop, isKnown] : llvm::enumerate(isAxis))
    if (!isKnown)
      return op.emitOpError() << "(C1) loop d" << loop << " is not an axis of any operand, so that it has no size";
  return success();
}

/// The least and the greatest value of a linear `expr`; none where a loop's size is dynamic, or sizes are beyond any memory.
static std::optional<std::pair<int64_t, int64_t>> getRange(AffineExpr expr, ArrayRef<int64_t> sizes) {
  SmallVector<unsigned> used;
  for (unsigned loop = 0; loop < sizes.size(); ++loop)
    if (expr.isFunctionOfDim(loop))
      used.push_back(loop);
  for (unsigned loop : used)
    if (ShapedType::isDynamic(sizes[loop]) || sizes[loop] > (int64_t(1) << 40) || used.size() > 8)
      return std::nullopt;
  std::optional<std::pair<int64_t, int64_t>> range;
  AffineMap map = AffineMap::get(sizes.size(), 0, expr);
  for (unsigned corner = 0; corner < (1u << used.size()); ++corner) { // A linear form is extreme at a corner.
    Type i64 = IntegerType::get(expr.getContext(), 64);
    SmallVector<Attribute> index(sizes.size(), IntegerAttr::get(i64, 0)), values;
    for (auto [i, loop] : llvm::enumerate(used))
      index[loop] = IntegerAttr::get(i64, corner >> i & 1 ? sizes[loop] - 1 : 0);
    if (failed(map.constantFold(index, values)))
      return std::nullopt;
    int64_t value = cast<IntegerAttr>(values.front()).getInt();
    range = range ? std::pair(std::min(range->first, value), std::max(range->second, value)) : std::pair(value, value);
  }
  return range;
}

static LogicalResult verifyReads(ContractOp op, ArrayRef<int64_t> sizes) {
  if (llvm::is_contained(sizes, 0)) // Nothing is read.
    return success();
  Value operands[] = {op.getLhs(), op.getRhs()};
  for (auto [i, operand] : llvm::enumerate(operands))
    for (auto [axis, expr] : llvm::enumerate(op.getMap(i).getResults())) {
      int64_t size = getShape(operand)[axis];
      std::optional<std::pair<int64_t, int64_t>> range = getRange(expr, sizes);
      if (!range || ShapedType::isDynamic(size) || (range->first >= 0 && range->second < size))
        continue;
      return op.emitOpError() << "(C1) operand " << i << " is read at index " << (range->first < 0 ? range->first : range->second)
                              << " along axis " << axis << " of size " << size;
    }
  return success();
}

LogicalResult verifyContractMaps(ContractOp op) {
  size_t expected = 3 + op.getEpilogueOperands().size();
  if (op.getIndexingMaps().size() != expected)
    return op.emitOpError() << "(C1) has " << op.getIndexingMaps().size() << " indexing maps; expected " << expected
                            << ", for lhs, rhs, result and each epilogue operand";
  if (failed(verifyForms(op)))
    return failure();
  SmallVector<int64_t> sizes = op.getLoopSizes();
  if (failed(verifyLoopSizes(op, sizes)))
    return failure();
  return verifyReads(op, sizes);
}

} // namespace mlir::lowbit
