//===- PackedOperands.cpp - operands of a matmul over split axes ----------===//
// Law: an operand keeps its elements; what is padded is zero, so that it adds nothing to a sum.

#include "PackedMatmul.h"
#include "lowbit/Formats/Build.h"
#include "lowbit/Packings/HostPacking.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Matchers.h"

namespace mlir::lowbit {

AffineMap PackedMatmul::makeMap(ArrayRef<AffineExpr> exprs) const {
  return AffineMap::get(numParallel + 2, 0, exprs, rewriter.getContext());
}

Value PackedMatmul::pad(Value value, ArrayRef<int64_t> shape) {
  auto type = cast<RankedTensorType>(value.getType());
  if (type.getShape() == shape)
    return value;
  Value zero = arith::ConstantOp::create(rewriter, loc, rewriter.getZeroAttr(type.getElementType()));
  Value empty = tensor::EmptyOp::create(rewriter, loc, shape, type.getElementType());
  Value zeros = linalg::FillOp::create(rewriter, loc, zero, empty).getResult(0);
  SmallVector<OpFoldResult> offsets(shape.size(), rewriter.getIndexAttr(0)), strides(shape.size(), rewriter.getIndexAttr(1));
  SmallVector<OpFoldResult> sizes = getAsIndexOpFoldResult(rewriter.getContext(), type.getShape());
  return tensor::InsertSliceOp::create(rewriter, loc, value, zeros, offsets, sizes, strides);
}

PackedMatmul::Operand PackedMatmul::splitAxes(Operand operand) {
  SmallVector<int64_t> padded, shape;
  SmallVector<ReassociationIndices> groups;
  SmallVector<AffineExpr> exprs;
  for (AffineExpr expr : operand.map.getResults()) {
    const Split &split = splits[cast<AffineDimExpr>(expr).getPosition()];
    padded.push_back(split.padded);
    ReassociationIndices &group = groups.emplace_back();
    for (unsigned part = 0; part < (split.isSplit ? 2u : 1u); ++part) {
      group.push_back(shape.size());
      shape.push_back(part == 0 ? split.padded / split.tile : split.tile);
      exprs.push_back(rewriter.getAffineDimExpr(split.outer + part));
    }
  }
  Value value = pad(operand.value, padded);
  if (shape.size() != padded.size())
    value = tensor::ExpandShapeOp::create(rewriter, loc, cast<RankedTensorType>(value.getType()).clone(shape), value, groups);
  return {value, makeMap(exprs)};
}

/// Drops axes of size one that no loop moves along.
PackedMatmul::Operand PackedMatmul::dropConstantAxes(Operand operand) {
  auto type = cast<RankedTensorType>(operand.value.getType());
  SmallVector<ReassociationIndices> groups;
  SmallVector<int64_t> shape;
  SmallVector<AffineExpr> exprs;
  ReassociationIndices leading;
  for (auto [axis, expr] : llvm::enumerate(operand.map.getResults())) {
    if (!isa<AffineDimExpr>(expr)) {
      (groups.empty() ? leading : groups.back()).push_back(axis);
      continue;
    }
    groups.push_back(leading);
    leading.clear();
    groups.back().push_back(axis);
    shape.push_back(type.getDimSize(axis));
    exprs.push_back(expr);
  }
  if (shape.size() == static_cast<size_t>(type.getRank()))
    return operand;
  Value value = tensor::CollapseShapeOp::create(rewriter, loc, type.clone(shape), operand.value, groups);
  return {value, AffineMap::get(operand.map.getNumDims(), 0, exprs, rewriter.getContext())};
}

PackedMatmul::Operand PackedMatmul::splitLikeResult(Operand operand) {
  operand = splitAxes(dropConstantAxes(operand));
  ArrayRef<AffineExpr> exprs = operand.map.getResults();
  bool isOrdered = llvm::is_sorted(
      exprs, [](AffineExpr a, AffineExpr b) { return cast<AffineDimExpr>(a).getPosition() < cast<AffineDimExpr>(b).getPosition(); });
  if (exprs.empty() || !isOrdered)
    return operand;
  auto type = cast<RankedTensorType>(operand.value.getType());
  SmallVector<AffineExpr> full(numParallel, rewriter.getAffineConstantExpr(0));
  SmallVector<int64_t> shape(numParallel, 1);
  SmallVector<ReassociationIndices> groups(exprs.size());
  for (auto [axis, expr] : llvm::enumerate(exprs)) {
    unsigned loop = cast<AffineDimExpr>(expr).getPosition();
    full[loop] = expr;
    shape[loop] = type.getDimSize(axis);
    // Every axis takes the loops from its own up to the next one's; the first also those before.
    unsigned begin = axis == 0 ? 0 : loop;
    unsigned end = axis + 1 == exprs.size() ? numParallel : cast<AffineDimExpr>(exprs[axis + 1]).getPosition();
    groups[axis] = llvm::to_vector<2>(llvm::seq<int64_t>(begin, end));
  }
  if (shape.size() != exprs.size())
    operand.value = tensor::ExpandShapeOp::create(rewriter, loc, type.clone(shape), operand.value, groups);
  return {operand.value, makeMap(full)};
}

PackedMatmul::Operand PackedMatmul::getScaleLike(Value scales, AffineMap codes, SchemeAttr scheme) {
  SmallVector<AffineExpr> exprs;
  if (!scheme.isPerTensor())
    for (auto [expr, block] : llvm::zip(codes.getResults(), scheme.getBlock().asArrayRef()))
      exprs.push_back(block == 1 ? expr : rewriter.getAffineConstantExpr(0));
  return splitLikeResult({scales, AffineMap::get(codes.getNumDims(), 0, exprs, rewriter.getContext())});
}

/// The left codes with the reduction last, in the width and sign that the dot product takes.
PackedMatmul::Operand PackedMatmul::prepareLhs() {
  AffineMap map = op.getLhsMap();
  bool isSigned = op.getLhsScheme()->getFormat().isSigned(), isRhsSigned = op.getRhsScheme()->getFormat().isSigned();
  bool isFlipped = dot.needsFlip(isSigned, isRhsSigned);
  isLhsSigned = dot.lhsWidth > 8 || isSigned != isFlipped;
  offset = !isFlipped ? 0 : isSigned ? 128 : -128;
  unsigned rank = map.getNumResults(), last = *map.getResultPosition(rewriter.getAffineDimExpr(form.k));
  if (!isFlipped && dot.lhsWidth == 8 && last == rank - 1)
    return {op.getLhs(), map};

  SmallVector<int64_t> order = llvm::to_vector(llvm::seq<int64_t>(0, rank));
  order.erase(order.begin() + last);
  order.push_back(last);
  AffineMap source = inversePermutation(AffineMap::getPermutationMap(order, rewriter.getContext()));
  SmallVector<int64_t> shape = applyPermutation(cast<ShapedType>(op.getLhs().getType()).getShape(), order);
  SmallVector<AffineExpr> exprs = applyPermutation(map.getResults(), order);
  Value empty = tensor::EmptyOp::create(rewriter, loc, shape, rewriter.getIntegerType(dot.lhsWidth));
  SmallVector<AffineMap> maps{source, rewriter.getMultiDimIdentityMap(rank)};
  SmallVector<utils::IteratorType> iterators(rank, utils::IteratorType::parallel);
  auto prepared = linalg::GenericOp::create(rewriter, loc, empty.getType(), op.getLhs(), empty, maps, iterators,
                                            [&](OpBuilder &b, Location at, ValueRange elements) {
                                              Value code = elements[0];
                                              if (isFlipped)
                                                code = arith::XOrIOp::create(b, at, code, buildIntegerLike(b, at, -128, 8, code));
                                              code = buildResize(b, at, code, dot.lhsWidth, isSigned);
                                              linalg::YieldOp::create(b, at, code);
                                            });
  return {prepared.getResult(0), AffineMap::get(map.getNumDims(), 0, exprs, rewriter.getContext())};
}

/// The bytes that the right codes are unpacked from, if they lie as the dot product wants them.
Value PackedMatmul::getPackedWeights() {
  Value codes = op.getRhs();
  if (auto slice = codes.getDefiningOp<tensor::ExtractSliceOp>(); slice && slice.hasUnitStride() && slice.hasZeroOffset())
    codes = slice.getSource();
  auto unpack = codes.getDefiningOp<UnpackOp>();
  SmallVector<int64_t> padded;
  for (AffineExpr expr : op.getRhsMap().getResults())
    padded.push_back(splits[cast<AffineDimExpr>(expr).getPosition()].padded);
  if (!unpack || cast<ShapedType>(codes.getType()).getShape() != ArrayRef<int64_t>(padded))
    return {};
  unsigned rank = padded.size();
  bool isTransposed = op.getRhsMap().getDimPosition(rank - 1) == form.k;
  bool isLast = op.getRhsMap().getDimPosition(rank - (isTransposed ? 2 : 1)) == form.n;
  return isLast && unpack.getPacking() == target.getWeightPacking(tile.columns, isTransposed) ? unpack.getPacked() : Value();
}

PackedMatmul::Operand PackedMatmul::prepareRhs() {
  rhs = {op.getRhs(), op.getRhsMap()};
  const Split &n = splits[form.n], &k = splits[form.k];
  SmallVector<AffineExpr> exprs;
  for (AffineExpr expr : rhs.map.getResults())
    if (unsigned loop = cast<AffineDimExpr>(expr).getPosition(); loop != form.n && loop != form.k)
      exprs.push_back(rewriter.getAffineDimExpr(splits[loop].outer));
  for (unsigned position : {n.outer, k.outer, n.outer + 1, k.outer + 1})
    exprs.push_back(rewriter.getAffineDimExpr(position));
  if (Value packed = getPackedWeights())
    return {packed, makeMap(exprs)};

  Operand split = splitAxes(rhs);
  SmallVector<int64_t> permutation, shape;
  for (AffineExpr expr : exprs)
    permutation.push_back(*split.map.getResultPosition(expr));
  auto type = cast<RankedTensorType>(split.value.getType());
  Value empty = tensor::EmptyOp::create(rewriter, loc, applyPermutation(type.getShape(), permutation), type.getElementType());
  return {linalg::TransposeOp::create(rewriter, loc, split.value, empty, permutation)->getResult(0), makeMap(exprs)};
}

PackedMatmul::Operand PackedMatmul::sumAlongReduction(Operand codes, bool isSigned, int64_t factor) {
  SmallVector<AffineExpr> source, kept;
  SmallVector<int64_t> shape;
  auto type = cast<RankedTensorType>(codes.value.getType());
  SmallVector<utils::IteratorType> iterators;
  for (auto [axis, expr] : llvm::enumerate(codes.map.getResults())) {
    bool isReduction = cast<AffineDimExpr>(expr).getPosition() == form.k;
    iterators.push_back(isReduction ? utils::IteratorType::reduction : utils::IteratorType::parallel);
    if (isReduction)
      continue;
    source.push_back(rewriter.getAffineDimExpr(axis));
    kept.push_back(expr);
    shape.push_back(type.getDimSize(axis));
  }
  Value zero = arith::ConstantOp::create(rewriter, loc, rewriter.getI32IntegerAttr(0));
  Value empty = tensor::EmptyOp::create(rewriter, loc, shape, rewriter.getI32Type());
  Value zeros = linalg::FillOp::create(rewriter, loc, zero, empty).getResult(0);
  SmallVector<AffineMap> maps{rewriter.getMultiDimIdentityMap(type.getRank()),
                              AffineMap::get(type.getRank(), 0, source, rewriter.getContext())};
  auto sums = linalg::GenericOp::create(rewriter, loc, zeros.getType(), codes.value, zeros, maps, iterators,
                                        [&](OpBuilder &b, Location at, ValueRange elements) {
                                          Value code = buildResize(b, at, elements[0], 32, isSigned);
                                          if (factor != 1)
                                            code = arith::MulIOp::create(b, at, code, buildIntegerLike(b, at, factor, 32, code));
                                          linalg::YieldOp::create(b, at, arith::AddIOp::create(b, at, elements[1], code).getResult());
                                        });
  return {sums.getResult(0), AffineMap::get(codes.map.getNumDims(), 0, kept, rewriter.getContext())};
}

/// `factor` times the sum of each column of right codes.
PackedMatmul::Operand PackedMatmul::sumColumns(int64_t factor) {
  ElementsAttr constant;
  if (matchPattern(packedRhs.value, m_Constant(&constant)))
    if (std::optional<ArrayRef<char>> bytes = getConstantBytes(constant); bytes && bytes->size() > 1)
      return sumConstantColumns(packedRhs.value, *bytes, factor);
  return sumAlongReduction(rhs, op.getRhsScheme()->getFormat().isSigned(), factor);
}

PackedMatmul::Operand PackedMatmul::sumConstantColumns(Value packed, ArrayRef<char> bytes, int64_t factor) {
  ArrayRef<int64_t> packedShape = cast<ShapedType>(packed.getType()).getShape();
  bool isSigned = op.getRhsScheme()->getFormat().isSigned();
  int64_t groups = packedShape[packedShape.size() - 3], columns = tile.columns, depth = dot.depth;
  int64_t panels = cast<ShapedType>(packed.getType()).getNumElements() / (groups * columns * depth);
  std::vector<int32_t> sums(panels * columns, 0);
  for (int64_t place = 0, size = bytes.size(); place < size; ++place) {
    int64_t code = isSigned ? static_cast<int8_t>(bytes[place]) : static_cast<uint8_t>(bytes[place]);
    int64_t column = place / (groups * columns * depth) * columns + place / depth % columns;
    sums[column] = static_cast<int32_t>(sums[column] + code * factor);
  }
  SmallVector<int64_t> shape;
  SmallVector<AffineExpr> kept;
  for (AffineExpr expr : op.getRhsMap().getResults())
    if (unsigned loop = cast<AffineDimExpr>(expr).getPosition(); loop != form.n && loop != form.k)
      shape.push_back(splits[loop].padded), kept.push_back(expr);
  shape.push_back(splits[form.n].padded);
  kept.push_back(rewriter.getAffineDimExpr(form.n));
  auto type = RankedTensorType::get(shape, rewriter.getI32Type());
  ArrayRef<char> data(reinterpret_cast<const char *>(sums.data()), sums.size() * sizeof(int32_t));
  Value constant = arith::ConstantOp::create(rewriter, loc, makeResource(type, "column_sums", data));
  return {constant, AffineMap::get(op.getNumLoops(), 0, kept, rewriter.getContext())};
}

} // namespace mlir::lowbit
