//===- ContractAxes.cpp - batches, rows and columns of a contraction ------===//

#include "ContractAxes.h"
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
  for (auto [scheme, codes] : {std::pair(op.getLhsSchemeAttr(), op.getLhs()), std::pair(op.getRhsSchemeAttr(), op.getRhs())}) {
    if (!scheme || scheme.isPerTensor())
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

SmallVector<unsigned> ContractAxes::getSideLoops(bool isLhs) const {
  SmallVector<unsigned> loops;
  if (!isLhs || !isLhsShared)
    loops = batches;
  if (isLhs)
    llvm::append_range(loops, rows);
  else
    loops.push_back(column);
  loops.push_back(depth);
  return loops;
}

/// For each of `loops`, the axis that it is of `map`.
static SmallVector<int64_t> getOrder(AffineMap map, ArrayRef<unsigned> loops) {
  return llvm::map_to_vector(
      loops, [&](unsigned loop) { return static_cast<int64_t>(*map.getResultPosition(getAffineDimExpr(loop, map.getContext()))); });
}

Value buildTransposed(OpBuilder &builder, Location loc, Value value, ArrayRef<int64_t> order) {
  if (isIdentityPermutation(order))
    return value;
  auto type = cast<RankedTensorType>(value.getType());
  Value empty = tensor::EmptyOp::create(builder, loc, applyPermutation(type.getShape(), order), type.getElementType());
  return linalg::TransposeOp::create(builder, loc, value, empty, order)->getResult(0);
}

Value ContractAxes::formSide(OpBuilder &builder, Location loc, Value codes, AffineMap map, bool isLhs) const {
  Value turned = buildTransposed(builder, loc, codes, getOrder(map, getSideLoops(isLhs)));
  return buildReshaped(builder, loc, turned, isLhs ? getLhsShape(getDepth()) : getRhsShape(getDepth()));
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

} // namespace mlir::lowbit
