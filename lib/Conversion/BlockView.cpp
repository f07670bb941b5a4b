//===- BlockView.cpp - a tensor seen in the blocks of its scheme ----------===//
//
// Invariant: merge(split(x)) == x, unsqueeze(squeeze(s)) == s, and element i of split(x) has the scale at getScaleMap()(i) of squeeze(s).
//
//===----------------------------------------------------------------------===//

#include "lowbit/Conversion/BlockView.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"

namespace mlir::lowbit {

SmallVector<int64_t> mergeShapes(ArrayRef<int64_t> shape, ArrayRef<int64_t> other) {
  SmallVector<int64_t> merged(shape);
  for (auto [size, alternative] : llvm::zip_equal(merged, other))
    if (ShapedType::isDynamic(size))
      size = alternative;
  return merged;
}

Value castToShape(OpBuilder &builder, Location loc, Value tensor, ArrayRef<int64_t> shape) {
  auto type = cast<RankedTensorType>(tensor.getType());
  if (type.getShape() == shape)
    return tensor;
  return builder.createOrFold<tensor::CastOp>(loc, type.clone(shape), tensor);
}

Value buildEmptyLike(OpBuilder &builder, Location loc, Value like, Type elementType) {
  return tensor::EmptyOp::create(builder, loc, tensor::getMixedSizes(builder, loc, like), elementType);
}

Value buildFilledLike(OpBuilder &builder, Location loc, Value like, TypedAttr value) {
  Value element = arith::ConstantOp::create(builder, loc, value);
  Value empty = buildEmptyLike(builder, loc, like, value.getType());
  return linalg::FillOp::create(builder, loc, element, empty).getResult(0);
}

Value buildZeros(OpBuilder &builder, Location loc, ArrayRef<int64_t> shape, Type element) {
  Value zero = arith::ConstantOp::create(builder, loc, builder.getZeroAttr(element));
  return linalg::FillOp::create(builder, loc, zero, tensor::EmptyOp::create(builder, loc, shape, element).getResult()).getResult(0);
}

Value buildGeneric(OpBuilder &builder, Location loc, ValueRange inputs, Value init, ArrayRef<AffineMap> maps, ElementBuilder body) {
  SmallVector<utils::IteratorType> iterators(maps.back().getNumDims(), utils::IteratorType::reduction);
  for (AffineExpr expr : maps.back().getResults())
    iterators[cast<AffineDimExpr>(expr).getPosition()] = utils::IteratorType::parallel;
  auto generic = linalg::GenericOp::create(builder, loc, init.getType(), inputs, init, maps, iterators,
                                           [&](OpBuilder &nested, Location nestedLoc, ValueRange elements) {
                                             linalg::YieldOp::create(nested, nestedLoc, body(nested, nestedLoc, elements));
                                           });
  return generic.getResult(0);
}

/// The whole number of blocks of `share` in `size`.
static OpFoldResult buildQuotient(OpBuilder &builder, Location loc, OpFoldResult size, int64_t share) {
  if (std::optional<int64_t> known = getConstantIntValue(size))
    return builder.getIndexAttr(*known / share);
  Value divisor = arith::ConstantIndexOp::create(builder, loc, share);
  return arith::DivUIOp::create(builder, loc, cast<Value>(size), divisor).getResult();
}

BlockView::BlockView(OpBuilder &builder, Location loc, SchemeAttr scheme, Value tensor) : builder(builder), loc(loc) {
  shape.assign(cast<RankedTensorType>(tensor.getType()).getShape().begin(), cast<RankedTensorType>(tensor.getType()).getShape().end());
  scaleShape = *scheme.getScaleShape(shape);
  for (auto [axis, size] : llvm::enumerate(tensor::getMixedSizes(builder, loc, tensor))) {
    int64_t share = scheme.isPerTensor() ? 0 : scheme.getBlock()[axis];
    bool isShared = !hasScaleAxis(share, shape[axis]), isSplit = !isShared && share != 1;
    ReassociationIndices &group = splitGroups.emplace_back();
    group.push_back(loops.size());
    if (!isShared)
      keptLoops.push_back(loops.size());
    if (!isSplit) {
      loops.push_back(size);
    } else {
      loops.push_back(buildQuotient(builder, loc, size, share));
      group.push_back(loops.size());
      loops.push_back(builder.getIndexAttr(share));
    }
    if (!scheme.isPerTensor())
      isKeptAxis.push_back(!isShared);
  }
}

Value BlockView::split(Value tensor) {
  tensor = castToShape(builder, loc, tensor, shape);
  if (loops.size() == shape.size())
    return tensor;
  SmallVector<int64_t> splitShape;
  SmallVector<Value> dynamicSizes;
  dispatchIndexOpFoldResults(loops, dynamicSizes, splitShape);
  Type type = cast<RankedTensorType>(tensor.getType()).clone(splitShape);
  return tensor::ExpandShapeOp::create(builder, loc, type, tensor, splitGroups, loops);
}

Value BlockView::merge(Value tensor, Type type) {
  if (loops.size() != shape.size())
    tensor = tensor::CollapseShapeOp::create(builder, loc, tensor, splitGroups);
  return castToShape(builder, loc, tensor, cast<RankedTensorType>(type).getShape());
}

/// Axes that are dropped join the kept one after them, and trailing ones the last; no groups when none is kept.
SmallVector<ReassociationIndices> BlockView::getSqueezeGroups() const {
  SmallVector<ReassociationIndices> groups;
  ReassociationIndices group;
  for (auto [axis, isKept] : llvm::enumerate(isKeptAxis)) {
    group.push_back(axis);
    if (!isKept)
      continue;
    groups.push_back(group);
    group.clear();
  }
  if (!groups.empty())
    groups.back().append(group);
  return groups;
}

Value BlockView::squeeze(Value scales) {
  SmallVector<int64_t> known = mergeShapes(scaleShape, cast<RankedTensorType>(scales.getType()).getShape());
  scales = castToShape(builder, loc, scales, known);
  if (keptLoops.size() == scaleShape.size())
    return scales;
  SmallVector<int64_t> squeezed;
  for (auto [size, isKept] : llvm::zip_equal(known, isKeptAxis))
    if (isKept)
      squeezed.push_back(size);
  Type type = RankedTensorType::get(squeezed, getElementTypeOrSelf(scales.getType()));
  return builder.createOrFold<tensor::CollapseShapeOp>(loc, type, scales, getSqueezeGroups());
}

Value BlockView::unsqueeze(Value scales, Type type) {
  auto resultType = cast<RankedTensorType>(type);
  if (keptLoops.size() != scaleShape.size()) {
    SmallVector<OpFoldResult> sizes;
    SmallVector<int64_t> expanded;
    unsigned next = 0;
    for (bool isKept : isKeptAxis)
      sizes.push_back(isKept ? loops[keptLoops[next++]] : OpFoldResult(builder.getIndexAttr(1)));
    SmallVector<Value> dynamicSizes;
    dispatchIndexOpFoldResults(sizes, dynamicSizes, expanded);
    scales = tensor::ExpandShapeOp::create(builder, loc, RankedTensorType::get(expanded, resultType.getElementType()), scales,
                                           getSqueezeGroups(), sizes);
  }
  return castToShape(builder, loc, scales, resultType.getShape());
}

Value BlockView::buildEmptyScales(Type elementType) {
  SmallVector<OpFoldResult> sizes;
  for (unsigned loop : keptLoops)
    sizes.push_back(loops[loop]);
  return tensor::EmptyOp::create(builder, loc, sizes, elementType);
}

Value BlockView::buildBlockElements() {
  Value product = arith::ConstantIndexOp::create(builder, loc, 1);
  for (auto [loop, size] : llvm::enumerate(loops))
    if (!llvm::is_contained(keptLoops, loop))
      product = builder.createOrFold<arith::MulIOp>(loc, product, getValueOrCreateConstantIndexOp(builder, loc, size));
  Value integer = builder.createOrFold<arith::IndexCastOp>(loc, builder.getI64Type(), product);
  return builder.createOrFold<arith::SIToFPOp>(loc, builder.getF32Type(), integer);
}

AffineMap BlockView::getScaleMap() const { return getElementMap().getSubMap(keptLoops); }

AffineMap BlockView::getReductionElementMap() const {
  SmallVector<unsigned> order(keptLoops);
  for (unsigned loop = 0; loop < loops.size(); ++loop)
    if (!llvm::is_contained(keptLoops, loop))
      order.push_back(loop);
  return inversePermutation(AffineMap::getPermutationMap(order, builder.getContext()));
}

AffineMap BlockView::getReductionScaleMap() const {
  return getElementMap().getSubMap(llvm::to_vector(llvm::seq<unsigned>(0, keptLoops.size())));
}

} // namespace mlir::lowbit
