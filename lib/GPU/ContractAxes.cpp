//===- ContractAxes.cpp - batches, rows and columns of a contraction ------===//

#include "ContractAxes.h"
#include "lowbit/Analysis/AccumulatorBound.h"
#include "lowbit/Conversion/BlockView.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Utils/IndexingUtils.h"
#include "mlir/Dialect/Utils/ReshapeOpsUtils.h"
#include "llvm/ADT/STLExtras.h"

namespace mlir::lowbit {

Value buildReshaped(OpBuilder &builder, Location loc, Value value, ArrayRef<int64_t> shape) {
  auto type = cast<RankedTensorType>(value.getType());
  if (type.getShape() == shape)
    return value;
  RankedTensorType target = type.clone(shape);
  if (auto groups = getReassociationIndicesForReshape(type, target))
    return type.getRank() > target.getRank() ? tensor::CollapseShapeOp::create(builder, loc, target, value, *groups).getResult()
                                             : tensor::ExpandShapeOp::create(builder, loc, target, value, *groups).getResult();
  Value flat = buildReshaped(builder, loc, value, type.getNumElements());
  return buildReshaped(builder, loc, flat, shape);
}

bool sharesScalesInPart(ContractOp op) {
  for (ContractOperand side : {ContractOperand::Lhs, ContractOperand::Rhs}) {
    bool isLhs = side == ContractOperand::Lhs;
    SchemeAttr scheme = isLhs ? op.getLhsSchemeAttr() : op.getRhsSchemeAttr();
    Value codes = isLhs ? op.getLhs() : op.getRhs();
    if (!scheme || scheme.isPerTensor() || changesAlongReductions(op, side))
      continue;
    for (auto [block, size] : llvm::zip(scheme.getBlock().asArrayRef(), cast<RankedTensorType>(codes.getType()).getShape()))
      if (block != 0 && block != 1 && block != size)
        return true;
  }
  return false;
}

FailureOr<ContractAxes> ContractAxes::find(ContractOp op, std::string &reason) {
  AffineMap lhs = op.getLhsMap(), rhs = op.getRhsMap();
  auto refuse = [&](StringRef text) { return reason = text.str(), failure(); };
  if (!lhs.isProjectedPermutation() || !rhs.isProjectedPermutation())
    return refuse("an operand is not indexed by loops alone");
  ContractAxes axes;
  axes.sizes = op.getLoopSizes();
  if (llvm::any_of(axes.sizes, ShapedType::isDynamic))
    return refuse("a loop has a dynamic size");
  unsigned numReductions = 0;
  for (auto [loop, iterator] : llvm::enumerate(op.getIteratorTypes())) {
    if (iterator != utils::IteratorType::reduction)
      continue;
    axes.depth = loop;
    ++numReductions;
  }
  if (numReductions != 1 || !lhs.isFunctionOfDim(axes.depth) || !rhs.isFunctionOfDim(axes.depth))
    return refuse("there is not one reduction along both sides");
  unsigned numShared = 0; // batches of the right side alone
  ArrayRef<AffineExpr> results = op.getResultMap().getResults();
  for (AffineExpr expr : results) {
    auto dim = dyn_cast<AffineDimExpr>(expr);
    if (!dim)
      return refuse("an axis of the result is not a loop");
    unsigned loop = dim.getPosition();
    bool inLhs = lhs.isFunctionOfDim(loop), inRhs = rhs.isFunctionOfDim(loop);
    if (expr == results.back() && !axes.rows.empty() && !inLhs) {
      axes.column = loop;
    } else if (inLhs && !inRhs) {
      axes.rows.push_back(loop);
    } else {
      if (!axes.rows.empty())
        return refuse("axes of the result are not in the order of batches, rows, columns");
      axes.batches.push_back(loop);
      numShared += !inLhs;
    }
  }
  if (axes.rows.empty() || axes.rows.size() + axes.batches.size() == results.size())
    return refuse("the result has no rows or no columns");
  if (numShared != 0 && numShared != axes.batches.size())
    return refuse("some but not all batches are of the right side alone");
  axes.isLhsShared = numShared != 0;
  return axes;
}

int64_t ContractAxes::getSize(ArrayRef<unsigned> loops) const {
  int64_t size = 1;
  for (unsigned loop : loops)
    size *= sizes[loop];
  return size;
}

SmallVector<int64_t> ContractAxes::getShape(int64_t first, ArrayRef<int64_t> last) const {
  SmallVector<int64_t> shape;
  if (hasBatches())
    shape.push_back(first);
  llvm::append_range(shape, last);
  return shape;
}

SmallVector<unsigned> ContractAxes::getSideLoops(bool isLhs, bool isTransposed) const {
  SmallVector<unsigned> loops;
  if (!isLhs || !isLhsShared)
    loops = batches;
  if (isLhs)
    llvm::append_range(loops, rows);
  else
    loops.push_back(column);
  if (isTransposed)
    loops.insert(loops.end() - (isLhs ? rows.size() : 1), depth);
  else
    loops.push_back(depth);
  return loops;
}

bool ContractAxes::isTransposed(AffineMap map, bool isLhs) const {
  for (AffineExpr expr : llvm::reverse(map.getResults()))
    if (unsigned loop = cast<AffineDimExpr>(expr).getPosition(); sizes[loop] != 1)
      return isLhs ? llvm::is_contained(rows, loop) : loop == column;
  return false;
}

/// For each of `loops`, the axis that it is of `map`.
static SmallVector<int64_t> getOrder(AffineMap map, ArrayRef<unsigned> loops) {
  return llvm::map_to_vector(
      loops, [&](unsigned loop) { return static_cast<int64_t>(*map.getResultPosition(getAffineDimExpr(loop, map.getContext()))); });
}

SmallVector<int64_t> ContractAxes::getSideAxes(AffineMap map, bool isLhs) const { return getOrder(map, getSideLoops(isLhs)); }

Value buildTransposed(OpBuilder &builder, Location loc, Value value, ArrayRef<int64_t> order) {
  if (isIdentityPermutation(order))
    return value;
  auto type = cast<RankedTensorType>(value.getType());
  Value empty = tensor::EmptyOp::create(builder, loc, applyPermutation(type.getShape(), order), type.getElementType());
  return linalg::TransposeOp::create(builder, loc, value, empty, order)->getResult(0);
}

Value ContractAxes::formSide(OpBuilder &builder, Location loc, Value elements, AffineMap map, bool isLhs, bool isTransposed) const {
  Value turned = buildTransposed(builder, loc, elements, getOrder(map, getSideLoops(isLhs, isTransposed)));
  SmallVector<int64_t> shape = isLhs ? getLhsShape(getDepth()) : getRhsShape(getDepth());
  if (isTransposed)
    std::swap(shape[shape.size() - 1], shape[shape.size() - 2]);
  return buildReshaped(builder, loc, turned, shape);
}

std::vector<int64_t> ContractAxes::getPlaces(ArrayRef<int64_t> shape, AffineMap map, bool isLhs) const {
  SmallVector<int64_t> order = getOrder(map, getSideLoops(isLhs));
  SmallVector<int64_t> turned = applyPermutation(shape, order), strides = applyPermutation(ArrayRef<int64_t>(computeStrides(shape)), order);
  SmallVector<int64_t> basis = computeStrides(turned);
  std::vector<int64_t> places(ShapedType::getNumElements(turned));
  for (auto [i, place] : llvm::enumerate(places))
    place = linearize(delinearize(i, basis), strides);
  return places;
}

Value ContractAxes::formOperand(OpBuilder &builder, Location loc, Value value, AffineMap map) const {
  // Axes of size one go, whatever loop they are of.
  SmallVector<unsigned> kept;
  SmallVector<int64_t> shape;
  for (auto [expr, size] : llvm::zip(map.getResults(), cast<RankedTensorType>(value.getType()).getShape()))
    if (size != 1) {
      kept.push_back(cast<AffineDimExpr>(expr).getPosition());
      shape.push_back(size);
    }
  value = buildReshaped(builder, loc, value, shape);
  // The loops of the whole result that come along: of each kind all or none.
  SmallVector<unsigned> all;
  SmallVector<int64_t> result;
  auto append = [&](ArrayRef<unsigned> kind) {
    bool varies = llvm::any_of(kind, [&](unsigned loop) { return llvm::is_contained(kept, loop); });
    result.push_back(varies ? getSize(kind) : 1);
    if (varies)
      llvm::append_range(all, kind);
  };
  if (hasBatches())
    append(batches);
  append(rows);
  append(column);
  auto isSpread = [&](unsigned loop) { return sizes[loop] != 1 && !llvm::is_contained(kept, loop); };
  if (llvm::any_of(all, isSpread)) {
    SmallVector<AffineExpr> exprs;
    SmallVector<int64_t> whole;
    for (unsigned loop : all)
      whole.push_back(sizes[loop]);
    for (unsigned loop : kept)
      exprs.push_back(builder.getAffineDimExpr(llvm::find(all, loop) - all.begin()));
    SmallVector<AffineMap> maps{AffineMap::get(all.size(), 0, exprs, builder.getContext()), builder.getMultiDimIdentityMap(all.size())};
    Value empty = tensor::EmptyOp::create(builder, loc, whole, cast<RankedTensorType>(value.getType()).getElementType());
    value = buildGeneric(builder, loc, value, empty, maps, [](OpBuilder &, Location, ValueRange elements) { return elements[0]; });
  } else {
    SmallVector<int64_t> order;
    for (unsigned loop : all)
      if (const auto *axis = llvm::find(kept, loop); axis != kept.end())
        order.push_back(axis - kept.begin());
    value = buildTransposed(builder, loc, value, order);
  }
  return buildReshaped(builder, loc, value, result);
}

/// The contraction with its sides in the other order, its result in another type by another map; `op` stays.
static ContractOp buildOther(RewriterBase &rewriter, ContractOp op, bool isSwapped, AffineMap result, ArrayRef<int64_t> shape) {
  Value lhs[] = {op.getLhs(), op.getLhsScales(), op.getLhsZeros()}, rhs[] = {op.getRhs(), op.getRhsScales(), op.getRhsZeros()};
  SchemeAttr schemes[] = {op.getLhsSchemeAttr(), op.getRhsSchemeAttr()};
  SmallVector<AffineMap> maps = llvm::to_vector(op.getIndexingMaps().getAsValueRange<AffineMapAttr>());
  maps[2] = result;
  if (isSwapped) {
    std::swap(lhs, rhs);
    std::swap(schemes[0], schemes[1]);
    std::swap(maps[0], maps[1]);
  }
  auto type = cast<RankedTensorType>(op.getResult().getType()).clone(shape);
  Value init = op.getInit();
  if (type != init.getType())
    init = tensor::EmptyOp::create(rewriter, op.getLoc(), shape, type.getElementType());
  auto other = ContractOp::create(rewriter, op.getLoc(), type, lhs[0], lhs[1], lhs[2], rhs[0], rhs[1], rhs[2], init,
                                  op.getEpilogueOperands(), rewriter.getAffineMapArrayAttr(maps), schemes[0], schemes[1]);
  other->setDiscardableAttrs(op->getDiscardableAttrDictionary());
  if (op.hasEpilogue())
    rewriter.cloneRegionBefore(op.getEpilogue(), other.getEpilogue(), other.getEpilogue().end());
  return other;
}

FailureOr<ContractAxes> findOrderedAxes(RewriterBase &rewriter, ContractOp &op, Value &result, std::string &reason) {
  FailureOr<ContractAxes> axes = ContractAxes::find(op, reason);
  if (succeeded(axes))
    return axes;
  auto type = cast<RankedTensorType>(op.getResult().getType());
  AffineMap map = op.getResultMap();
  if (!map.isProjectedPermutation() || !type.hasStaticShape() || map.getNumResults() < 2)
    return failure();
  // The axis that lies next to its neighbours in memory stays the last one, if a side alone has it.
  auto isOf = [&](unsigned axis, AffineMap side) { return side.isFunctionOfDim(map.getDimPosition(axis)); };
  unsigned last = map.getNumResults() - 1;
  bool isSwapped = isOf(last, op.getLhsMap()) && !isOf(last, op.getRhsMap());
  AffineMap lhs = isSwapped ? op.getRhsMap() : op.getLhsMap(), rhs = isSwapped ? op.getLhsMap() : op.getRhsMap();
  auto order = llvm::to_vector(llvm::seq<int64_t>(0, map.getNumResults()));
  auto rank = [&](int64_t axis) { return isOf(axis, lhs) ? (isOf(axis, rhs) ? 0 : 1) : 2; };
  llvm::stable_sort(order, [&](int64_t a, int64_t b) { return rank(a) < rank(b); });
  rewriter.setInsertionPoint(op);
  SmallVector<AffineExpr> exprs = llvm::map_to_vector(order, [&](int64_t axis) { return map.getResult(axis); });
  AffineMap sorted = AffineMap::get(map.getNumDims(), 0, exprs, op.getContext());
  ContractOp other = buildOther(rewriter, op, isSwapped, sorted, applyPermutation(type.getShape(), order));
  std::string obstacle;
  axes = ContractAxes::find(other, obstacle);
  if (failed(axes)) {
    rewriter.eraseOp(other);
    return failure();
  }
  SmallVector<int64_t> inverse(order.size());
  for (auto [place, axis] : llvm::enumerate(order))
    inverse[axis] = place;
  result = buildTransposed(rewriter, op.getLoc(), other.getResult(), inverse);
  op = other;
  axes->areSwapped = isSwapped;
  reason.clear();
  return axes;
}

} // namespace mlir::lowbit
