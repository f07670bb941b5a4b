//===- PackedOperands.cpp - operands of a matmul over split axes ----------===//
// Law: an operand keeps its elements; what is padded is zero, so that it adds nothing to a sum.

#include "PackedMatmul.h"
#include "lowbit/Formats/Build.h"
#include "lowbit/Packings/HostPacking.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Matchers.h"

namespace mlir::lowbit {

AffineMap PackedMatmul::makeMap(ArrayRef<AffineExpr> exprs) const { return AffineMap::get(numLoops, 0, exprs, rewriter.getContext()); }

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
    padded.push_back(split.getPadded());
    ReassociationIndices &group = groups.emplace_back();
    for (auto [part, size] : llvm::enumerate(split.sizes)) {
      group.push_back(shape.size());
      shape.push_back(size);
      exprs.push_back(rewriter.getAffineDimExpr(split.first + part));
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

PackedMatmul::Operand PackedMatmul::splitLikeResult(Operand operand) { return expandLikeResult(splitAxes(dropConstantAxes(operand))); }

PackedMatmul::Operand PackedMatmul::expandLikeResult(Operand operand) {
  SmallVector<unsigned> loops;
  for (AffineExpr expr : operand.map.getResults())
    loops.push_back(cast<AffineDimExpr>(expr).getPosition());
  SmallVector<unsigned> parallel(llvm::make_filter_range(loops, [&](unsigned loop) { return loop < numParallel; }));
  if (loops.empty() || !llvm::is_sorted(parallel))
    return operand;
  auto type = cast<RankedTensorType>(operand.value.getType());
  SmallVector<AffineExpr> exprs;
  SmallVector<int64_t> shape;
  SmallVector<ReassociationIndices> groups;
  unsigned next = 0;
  auto append = [&](AffineExpr expr, int64_t size) {
    groups.back().push_back(shape.size());
    exprs.push_back(expr);
    shape.push_back(size);
  };
  // Every axis takes the loops before it that the operand does not vary along; the last one also those after it.
  for (auto [axis, loop] : llvm::enumerate(loops)) {
    groups.emplace_back();
    for (; loop < numParallel && next < loop; ++next)
      append(rewriter.getAffineConstantExpr(0), 1);
    append(rewriter.getAffineDimExpr(loop), type.getDimSize(axis));
    next += loop < numParallel ? 1 : 0;
  }
  for (; next < numParallel; ++next)
    append(rewriter.getAffineConstantExpr(0), 1);
  if (shape.size() != loops.size())
    operand.value = tensor::ExpandShapeOp::create(rewriter, loc, type.clone(shape), operand.value, groups);
  return {operand.value, makeMap(exprs)};
}

PackedMatmul::Operand PackedMatmul::getScaleLike(Value scales, AffineMap codes, SchemeAttr scheme) {
  SmallVector<AffineExpr> exprs;
  ArrayRef<int64_t> shape = cast<ShapedType>(scales.getType()).getShape();
  if (!scheme.isPerTensor())
    for (auto [axis, expr] : llvm::enumerate(codes.getResults())) {
      int64_t block = scheme.getBlock()[axis];
      bool isReduction = cast<AffineDimExpr>(expr).getPosition() == form.k;
      if (isReduction && shape[axis] > 1)
        exprs.push_back(rewriter.getAffineDimExpr(op.getNumLoops()));
      else
        exprs.push_back(block == 1 && !isReduction ? expr : rewriter.getAffineConstantExpr(0));
    }
  AffineMap map = AffineMap::get(op.getNumLoops() + 1, 0, exprs, rewriter.getContext());
  if (map.isFunctionOfDim(op.getNumLoops()))
    if (std::optional<Operand> panels = buildScalePanels(scales, codes))
      return *panels;
  return splitLikeResult({scales, map});
}

void PackedMatmul::chooseSigns() {
  bool isSigned = op.getLhsScheme()->getFormat().isSigned(), isFlipped = dot.needsFlip(isSigned, isRhsSigned);
  isLhsSigned = dot.lhsWidth > 8 || isSigned != isFlipped;
  offset = !isFlipped ? 0 : isSigned ? 128 : -128;
}

Value PackedMatmul::getLhsZeros() {
  DenseIntElementsAttr zeros;
  Value value = op.getLhsZeros();
  bool isZero = value && matchPattern(value, m_Constant(&zeros)) && zeros.isSplat() && zeros.getSplatValue<APInt>().isZero();
  return isZero ? Value() : value;
}

Value PackedMatmul::buildWithLast(Value value, int64_t axis, Type elementType, BodyBuilder body) {
  auto type = cast<RankedTensorType>(value.getType());
  int64_t rank = type.getRank();
  SmallVector<int64_t> order = llvm::to_vector(llvm::seq<int64_t>(0, rank));
  order.erase(order.begin() + axis);
  order.push_back(axis);
  AffineMap source = inversePermutation(AffineMap::getPermutationMap(order, rewriter.getContext()));
  Value empty = tensor::EmptyOp::create(rewriter, loc, applyPermutation(type.getShape(), order), elementType);
  SmallVector<AffineMap> maps{source, rewriter.getMultiDimIdentityMap(rank)};
  SmallVector<utils::IteratorType> iterators(rank, utils::IteratorType::parallel);
  auto build = [&](OpBuilder &b, Location at, ValueRange elements) { linalg::YieldOp::create(b, at, body(b, at, elements)); };
  return linalg::GenericOp::create(rewriter, loc, empty.getType(), value, empty, maps, iterators, build).getResult(0);
}

Value PackedMatmul::prepareCodes(Value codes, int64_t axis) {
  NumberFormatAttrInterface format = op.getLhsScheme()->getFormat();
  bool isByte = format.getCodeType().isInteger(8);
  if (offset == 0 && isByte && dot.lhsWidth == 8 && axis == cast<RankedTensorType>(codes.getType()).getRank() - 1)
    return codes;
  return buildWithLast(codes, axis, rewriter.getIntegerType(dot.lhsWidth), [&](OpBuilder &b, Location at, ValueRange elements) {
    Value code = elements[0];
    if (!isByte)
      code = format.buildDecodeInteger(b, at, code, 8);
    if (offset != 0)
      code = arith::XOrIOp::create(b, at, code, buildIntegerLike(b, at, -128, 8, code));
    return buildResize(b, at, code, dot.lhsWidth, format.isSigned());
  });
}

AffineMap PackedMatmul::getLhsMapReductionLast() {
  AffineMap map = op.getLhsMap();
  unsigned last = *map.getResultPosition(rewriter.getAffineDimExpr(form.k));
  return map.dropResult(last).insertResult(map.getResult(last), map.getNumResults() - 1);
}

PackedMatmul::Operand PackedMatmul::prepareLhs() {
  unsigned last = *op.getLhsMap().getResultPosition(rewriter.getAffineDimExpr(form.k));
  return {prepareCodes(op.getLhs(), last), getLhsMapReductionLast()};
}

UnpackOp PackedMatmul::getUnpack() {
  UnpackOp unpack = findUnpack(op.getRhs());
  unsigned rank = op.getRhsMap().getNumResults();
  // Integer dot products extend codes of a part of a byte as unsigned ones.
  bool isUnfit = unpack && !form.element && unpack.getFormat().getWidth() != 8 && unpack.getFormat().isSigned();
  if (!unpack || rank < 2 || isUnfit)
    return {};
  bool isTransposed = op.getRhsMap().getDimPosition(rank - 1) == form.k;
  bool isLast = op.getRhsMap().getDimPosition(rank - (isTransposed ? 2 : 1)) == form.n;
  return isLast && unpack.getPacking() == target.getWeightPacking(tile.columns, dot.depth, isTransposed, form.rhsBase) ? unpack
                                                                                                                       : UnpackOp();
}

bool PackedMatmul::isPackedAsSplit() {
  SmallVector<int64_t> padded;
  for (AffineExpr expr : op.getRhsMap().getResults())
    padded.push_back(splits[cast<AffineDimExpr>(expr).getPosition()].getPadded());
  return cast<ShapedType>(getUnpack().getCodes().getType()).getShape() == ArrayRef<int64_t>(padded);
}

std::optional<int64_t> PackedMatmul::getSplatZero() {
  DenseIntElementsAttr zeros;
  if (!op.getRhsZeros() || !matchPattern(op.getRhsZeros(), m_Constant(&zeros)) || !zeros.isSplat())
    return std::nullopt;
  APInt zero = zeros.getSplatValue<APInt>();
  return op.getRhsScheme()->getFormat().isSigned() ? zero.getSExtValue() : static_cast<int64_t>(zero.getZExtValue());
}

/// The right codes as integers of 8 bits.
PackedMatmul::Operand PackedMatmul::decodeRhs() {
  NumberFormatAttrInterface format = op.getRhsScheme()->getFormat();
  if (format.getCodeType().isInteger(8))
    return {op.getRhs(), op.getRhsMap()};
  auto type = cast<RankedTensorType>(op.getRhs().getType());
  Value empty = tensor::EmptyOp::create(rewriter, loc, type.getShape(), rewriter.getI8Type());
  SmallVector<AffineMap> maps(2, rewriter.getMultiDimIdentityMap(type.getRank()));
  SmallVector<utils::IteratorType> iterators(type.getRank(), utils::IteratorType::parallel);
  auto decoded = linalg::GenericOp::create(rewriter, loc, empty.getType(), op.getRhs(), empty, maps, iterators,
                                           [&](OpBuilder &b, Location at, ValueRange elements) {
                                             linalg::YieldOp::create(b, at, format.buildDecodeInteger(b, at, elements[0], 8));
                                           });
  return {decoded.getResult(0), op.getRhsMap()};
}

SmallVector<AffineExpr> PackedMatmul::getRhsLoops() {
  const Split &n = splits[form.n];
  SmallVector<AffineExpr> exprs;
  for (AffineExpr expr : op.getRhsMap().getResults())
    if (unsigned loop = cast<AffineDimExpr>(expr).getPosition(); loop != form.n && loop != form.k)
      exprs.push_back(rewriter.getAffineDimExpr(splits[loop].first));
  exprs.push_back(rewriter.getAffineDimExpr(n.first));
  if (reduction.block)
    exprs.push_back(rewriter.getAffineDimExpr(*reduction.block));
  for (unsigned tap = 0; tap < reduction.numTaps; ++tap)
    exprs.push_back(rewriter.getAffineDimExpr(reduction.tap + tap));
  exprs.push_back(rewriter.getAffineDimExpr(reduction.group));
  exprs.push_back(rewriter.getAffineDimExpr(n.first + 1));
  if (reduction.depth)
    exprs.push_back(rewriter.getAffineDimExpr(*reduction.depth));
  return exprs;
}

PackedMatmul::Operand PackedMatmul::prepareRhs() {
  SmallVector<AffineExpr> exprs = getRhsLoops();
  if (packing)
    return {splitGroups(getUnpack().getPacked()), makeMap(exprs)};
  return transposeRhs(exprs);
}

/// The right side in panels, put there at run time.
PackedMatmul::Operand PackedMatmul::transposeRhs(ArrayRef<AffineExpr> exprs) {
  Operand split = splitAxes(rhs);
  SmallVector<int64_t> permutation;
  for (AffineExpr expr : exprs)
    permutation.push_back(*split.map.getResultPosition(expr));
  auto type = cast<RankedTensorType>(split.value.getType());
  Value empty = tensor::EmptyOp::create(rewriter, loc, applyPermutation(type.getShape(), permutation), type.getElementType());
  return {linalg::TransposeOp::create(rewriter, loc, split.value, empty, permutation)->getResult(0), makeMap(exprs)};
}

/// Packed bytes with the blocks, or the places of the window, as axes before the groups of each.
Value PackedMatmul::splitGroups(Value packed) {
  auto type = cast<RankedTensorType>(packed.getType());
  ArrayRef<int64_t> outer = ArrayRef(splits[form.k].sizes).take_front((reduction.block ? 1 : 0) + reduction.numTaps);
  if (outer.empty())
    return packed;
  SmallVector<ReassociationIndices> groups;
  SmallVector<int64_t> shape;
  for (auto [axis, size] : llvm::enumerate(type.getShape())) {
    ReassociationIndices &group = groups.emplace_back();
    auto append = [&](int64_t part) {
      group.push_back(shape.size());
      shape.push_back(part);
    };
    bool isGroups = axis + 3 == static_cast<size_t>(type.getRank());
    if (isGroups)
      llvm::for_each(outer, append);
    append(isGroups ? size / ShapedType::getNumElements(outer) : size);
  }
  return tensor::ExpandShapeOp::create(rewriter, loc, type.clone(shape), packed, groups);
}

static Value buildMultiple(OpBuilder &builder, Location loc, Value integers, int64_t factor) {
  auto type = cast<RankedTensorType>(integers.getType());
  Value empty = tensor::EmptyOp::create(builder, loc, type.getShape(), type.getElementType());
  SmallVector<AffineMap> maps(2, builder.getMultiDimIdentityMap(type.getRank()));
  SmallVector<utils::IteratorType> iterators(type.getRank(), utils::IteratorType::parallel);
  auto multiple =
      linalg::GenericOp::create(builder, loc, type, integers, empty, maps, iterators, [&](OpBuilder &b, Location at, ValueRange elements) {
        Value constant = buildIntegerLike(b, at, factor, 32, elements[0]);
        Value product = arith::MulIOp::create(b, at, elements[0], constant);
        linalg::YieldOp::create(b, at, product);
      });
  return multiple.getResult(0);
}

PackedMatmul::Operand PackedMatmul::sumAlongReduction(Operand codes, bool isSigned, int64_t factor) {
  SmallVector<AffineExpr> source, kept;
  SmallVector<int64_t> shape, split;
  SmallVector<ReassociationIndices> groups;
  auto type = cast<RankedTensorType>(codes.value.getType());
  SmallVector<utils::IteratorType> iterators;
  auto keep = [&](AffineExpr expr, int64_t size) {
    source.push_back(rewriter.getAffineDimExpr(split.size()));
    kept.push_back(expr);
    shape.push_back(size);
    split.push_back(size);
    iterators.push_back(utils::IteratorType::parallel);
  };
  for (auto [axis, expr] : llvm::enumerate(codes.map.getResults())) {
    groups.push_back({static_cast<int64_t>(split.size())});
    if (cast<AffineDimExpr>(expr).getPosition() != form.k) {
      keep(expr, type.getDimSize(axis));
      continue;
    }
    int64_t size = type.getDimSize(axis);
    if (form.block != 0) {
      keep(rewriter.getAffineDimExpr(op.getNumLoops()), size / form.block);
      groups.back().push_back(split.size());
      size = form.block;
    }
    split.push_back(size);
    iterators.push_back(utils::IteratorType::reduction);
  }
  if (form.block != 0) {
    type = type.clone(split);
    codes.value = tensor::ExpandShapeOp::create(rewriter, loc, type, codes.value, groups);
  }
  Type sumType = form.element ? Type(rewriter.getF32Type()) : Type(rewriter.getI32Type());
  Value zero = arith::ConstantOp::create(rewriter, loc, rewriter.getZeroAttr(sumType));
  Value empty = tensor::EmptyOp::create(rewriter, loc, shape, sumType);
  Value zeros = linalg::FillOp::create(rewriter, loc, zero, empty).getResult(0);
  SmallVector<AffineMap> maps{rewriter.getMultiDimIdentityMap(type.getRank()),
                              AffineMap::get(type.getRank(), 0, source, rewriter.getContext())};
  auto sums = linalg::GenericOp::create(rewriter, loc, zeros.getType(), codes.value, zeros, maps, iterators,
                                        [&](OpBuilder &b, Location at, ValueRange elements) {
                                          if (form.element) {
                                            auto flags = arith::FastMathFlagsAttr::get(b.getContext(), arith::FastMathFlags::reassoc);
                                            Value real = buildAsF32(b, at, elements[0]);
                                            Value sum = arith::AddFOp::create(b, at, elements[1], real, flags);
                                            linalg::YieldOp::create(b, at, sum);
                                            return;
                                          }
                                          Value code = buildResize(b, at, elements[0], 32, isSigned);
                                          linalg::YieldOp::create(b, at, arith::AddIOp::create(b, at, elements[1], code).getResult());
                                        });
  Value result = sums.getResult(0);
  // Once a sum: in the loop, -1 would make a subtraction of it, which has no order of its own that lanes could take.
  if (factor != 1)
    result = buildMultiple(rewriter, loc, result, factor);
  return {result, AffineMap::get(op.getNumLoops() + 1, 0, kept, rewriter.getContext())};
}

/// `factor` times the sum of each column of right codes, of each block.
PackedMatmul::Operand PackedMatmul::sumColumns(int64_t factor) {
  ElementsAttr constant;
  if (packing && matchPattern(getUnpack().getPacked(), m_Constant(&constant)))
    if (std::optional<ArrayRef<char>> bytes = getConstantBytes(constant); bytes && bytes->size() > 1)
      return sumConstantColumns(cast<ShapedType>(constant.getType()).getShape(), *bytes, factor);
  return splitLikeResult(sumAlongReduction(rhs, isRhsSigned, factor));
}

PackedMatmul::Operand PackedMatmul::sumConstantColumns(ArrayRef<int64_t> packedShape, ArrayRef<char> bytes, int64_t factor) {
  int64_t groups = packedShape[packedShape.size() - 3], columns = tile.columns, depth = dot.depth;
  int64_t blocks = reduction.block ? splits[form.k].sizes.front() : 1;
  int64_t panels = ShapedType::getNumElements(packedShape) / (groups * columns * depth);
  unsigned width = getRhsWidth();
  std::vector<int32_t> sums(panels * blocks * columns, 0);
  for (int64_t place = 0, size = bytes.size(); place < size; ++place) {
    int64_t code = 0;
    for (int64_t i = 0; i < packing.getCodesPerByte(width); ++i)
      code += isRhsSigned ? static_cast<int8_t>(bytes[place]) : packing.readCode(static_cast<uint8_t>(bytes[place]), width, i);
    int64_t panel = place / (groups * columns * depth), group = place / (columns * depth) % groups;
    int64_t column = (panel * blocks + group / (groups / blocks)) * columns + place / depth % columns;
    sums[column] = static_cast<int32_t>(sums[column] + code * factor);
  }
  return buildPanels(rewriter.getI32Type(), "column_sums",
                     ArrayRef(reinterpret_cast<const char *>(sums.data()), sums.size() * sizeof(int32_t)));
}

/// A constant that varies along all loops of the right codes but those within a block: panels, blocks, columns, in this order.
PackedMatmul::Operand PackedMatmul::buildPanels(Type elementType, StringRef name, ArrayRef<char> bytes) {
  SmallVector<int64_t> shape;
  SmallVector<AffineExpr> exprs;
  auto append = [&](const Split &split, unsigned part) {
    shape.push_back(split.sizes[part]);
    exprs.push_back(rewriter.getAffineDimExpr(split.first + part));
  };
  for (AffineExpr expr : op.getRhsMap().getResults())
    if (unsigned loop = cast<AffineDimExpr>(expr).getPosition(); loop != form.n && loop != form.k)
      append(splits[loop], 0);
  append(splits[form.n], 0);
  if (reduction.block)
    append(splits[form.k], 0);
  append(splits[form.n], 1);
  auto type = RankedTensorType::get(shape, elementType);
  Value constant = arith::ConstantOp::create(rewriter, loc, makeResource(type, name, bytes));
  return expandLikeResult({constant, makeMap(exprs)});
}

/// Constant scales (or zero points) of columns and blocks in panels, so that they are read in the order of the right codes.
std::optional<PackedMatmul::Operand> PackedMatmul::buildScalePanels(Value scales, AffineMap codes) {
  ElementsAttr constant;
  auto type = cast<RankedTensorType>(scales.getType());
  unsigned width = type.getElementTypeBitWidth() / 8;
  if (type.getRank() != 2 || !codes.isFunctionOfDim(form.n) || !matchPattern(scales, m_Constant(&constant)))
    return std::nullopt;
  std::optional<ArrayRef<char>> bytes = getConstantBytes(constant);
  if (!bytes || static_cast<int64_t>(bytes->size()) != type.getNumElements() * width)
    return std::nullopt;
  bool isTransposed = codes.getDimPosition(1) == form.k;
  const Split &n = splits[form.n];
  int64_t blocks = splits[form.k].sizes.front(), columns = n.sizes[1];
  if (type.getDimSize(isTransposed ? 0 : 1) != n.size)
    return std::nullopt;
  std::vector<char> panels(n.getPadded() * blocks * width, 0);
  for (int64_t column = 0; column < n.size; ++column)
    for (int64_t block = 0; block < blocks; ++block) {
      int64_t from = isTransposed ? column * blocks + block : block * n.size + column;
      int64_t to = (column / columns * blocks + block) * columns + column % columns;
      std::copy_n(bytes->begin() + from * width, width, panels.begin() + to * width);
    }
  return buildPanels(type.getElementType(), "scales", panels);
}

} // namespace mlir::lowbit
