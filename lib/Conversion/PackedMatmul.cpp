//===- PackedMatmul.cpp - a contraction as linalg over split axes ---------===//
// Law: sum (a - za)(b - zb) = sum a'b - t sum b - zb (sum a' - K t), where a' = a + offset and t = offset + za, modulo 2^32.

#include "PackedMatmul.h"
#include "lowbit/Formats/Build.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/IRMapping.h"
#include "llvm/Support/MathExtras.h"

namespace mlir::lowbit {

PackedMatmul::PackedMatmul(RewriterBase &rewriter, ContractOp op, const MatmulForm &form, QuantTargetAttrInterface target,
                           const RegisterTile &tile)
    : rewriter(rewriter), op(op), loc(op.getLoc()), form(form), target(target), tile(tile), dot(target.getDotProduct()) {
  splitLoops();
}

void PackedMatmul::splitLoops() {
  SmallVector<int64_t> sizes = op.getLoopSizes();
  splits.resize(sizes.size());
  unsigned next = 0;
  auto split = [&](unsigned loop) {
    bool isSplit = loop == form.m || loop == form.n || loop == form.k;
    int64_t inner = loop == form.m ? tile.rows : loop == form.n ? tile.columns : loop == form.k ? dot.depth : 1;
    splits[loop] = {next, isSplit, sizes[loop], inner, static_cast<int64_t>(llvm::alignTo(sizes[loop], inner))};
    next += isSplit ? 2 : 1;
  };
  for (AffineExpr expr : op.getResultMap().getResults())
    split(cast<AffineDimExpr>(expr).getPosition());
  numParallel = next;
  split(form.k);
}

SmallVector<OpFoldResult> PackedMatmul::getTileSizes() const {
  SmallVector<OpFoldResult> sizes(numParallel, rewriter.getIndexAttr(0));
  for (auto [loop, split] : llvm::enumerate(splits))
    if (loop != form.k)
      sizes[split.outer] = rewriter.getIndexAttr(1);
  return sizes;
}

SmallVector<int64_t> PackedMatmul::getLoopOrder() const {
  SmallVector<int64_t> order = llvm::to_vector(llvm::seq<int64_t>(0, numParallel));
  if (tile.columnsOutermost)
    std::swap(order[splits[form.m].outer], order[splits[form.n].outer]);
  return order;
}

SmallVector<OpFoldResult> PackedMatmul::getReductionTileSizes() const {
  SmallVector<OpFoldResult> sizes(numParallel + 2, rewriter.getIndexAttr(0));
  sizes[splits[form.k].outer] = rewriter.getIndexAttr(1);
  return sizes;
}

linalg::GenericOp PackedMatmul::buildGeneric(ArrayRef<Operand> inputs, Operand init, bool hasReduction, BodyBuilder body) {
  unsigned loops = hasReduction ? numParallel + 2 : numParallel;
  SmallVector<Value> values;
  SmallVector<AffineMap> maps;
  auto append = [&](const Operand &operand) {
    values.push_back(operand.value);
    maps.push_back(AffineMap::get(loops, 0, operand.map.getResults(), rewriter.getContext()));
  };
  llvm::for_each(inputs, append);
  append(init);
  SmallVector<utils::IteratorType> iterators(loops, utils::IteratorType::parallel);
  std::fill(iterators.begin() + numParallel, iterators.end(), utils::IteratorType::reduction);
  auto generic = linalg::GenericOp::create(
      rewriter, loc, init.value.getType(), ArrayRef(values).drop_back(), values.back(), maps, iterators,
      [&](OpBuilder &b, Location at, ValueRange elements) { linalg::YieldOp::create(b, at, body(b, at, elements)); });
  generic->setAttr(vectorizeAttrName, rewriter.getUnitAttr());
  return generic;
}

/// An undefined tensor in the shape of the packed result.
PackedMatmul::Operand PackedMatmul::buildEmpty(Type elementType) {
  SmallVector<int64_t> shape(numParallel, 1);
  for (auto [loop, split] : llvm::enumerate(splits)) {
    if (loop == form.k)
      continue;
    shape[split.outer] = split.padded / split.tile;
    if (split.isSplit)
      shape[split.outer + 1] = split.tile;
  }
  return {tensor::EmptyOp::create(rewriter, loc, shape, elementType), rewriter.getMultiDimIdentityMap(numParallel)};
}

void PackedMatmul::buildStart() {
  SmallVector<Operand> inputs;
  Value lhsZeros = op.getLhsZeros(), rhsZeros = op.getRhsZeros();
  bool hasColumnSums = lhsZeros || offset != 0;
  if (hasColumnSums)
    inputs.push_back(splitLikeResult(sumColumns(lhsZeros ? -1 : -offset)));
  if (lhsZeros)
    inputs.push_back(getScaleLike(lhsZeros, op.getLhsMap(), op.getLhsSchemeAttr()));
  if (rhsZeros) {
    inputs.push_back(getScaleLike(rhsZeros, op.getRhsMap(), op.getRhsSchemeAttr()));
    inputs.push_back(splitLikeResult(sumAlongReduction(lhs, isLhsSigned, 1)));
  }
  bool isLhsZeroSigned = op.getLhsScheme()->getFormat().isSigned(), isRhsZeroSigned = op.getRhsScheme()->getFormat().isSigned();
  start =
      buildGeneric(inputs, buildEmpty(rewriter.getI32Type()), /*hasReduction=*/false, [&](OpBuilder &b, Location at, ValueRange elements) {
        auto constant = [&](int64_t value) -> Value {
          return arith::ConstantOp::create(b, at, b.getI32IntegerAttr(static_cast<int32_t>(value)));
        };
        Value t = constant(offset), sum = constant(0);
        if (hasColumnSums) {
          sum = elements.front();
          elements = elements.drop_front();
        }
        if (lhsZeros) {
          t = arith::AddIOp::create(b, at, t, buildResize(b, at, elements.front(), 32, isLhsZeroSigned));
          sum = arith::MulIOp::create(b, at, sum, t);
          elements = elements.drop_front();
        }
        if (!rhsZeros)
          return sum;
        Value zero = buildResize(b, at, elements[0], 32, isRhsZeroSigned);
        Value whole = arith::MulIOp::create(b, at, t, constant(form.depth));
        Value rest = arith::SubIOp::create(b, at, elements[1], whole);
        return arith::SubIOp::create(b, at, sum, arith::MulIOp::create(b, at, zero, rest)).getResult();
      });
}

void PackedMatmul::buildDots() {
  bool isRhsSigned = op.getRhsScheme()->getFormat().isSigned();
  Operand sums{start.getResult(0), rewriter.getMultiDimIdentityMap(numParallel)};
  dots = buildGeneric({packedLhs, packedRhs}, sums, /*hasReduction=*/true, [&](OpBuilder &b, Location at, ValueRange elements) {
    Value left = buildResize(b, at, elements[0], 32, isLhsSigned), right = buildResize(b, at, elements[1], 32, isRhsSigned);
    return arith::AddIOp::create(b, at, elements[2], arith::MulIOp::create(b, at, left, right)).getResult();
  });
}

/// The element of the result from the sum, the scales and the epilogue's operands, in the order that the op's document gives.
Value PackedMatmul::buildElement(OpBuilder &b, Location at, ValueRange elements) {
  Value sum = elements.front();
  elements = elements.drop_front();
  if (op.getLhsScales() || op.getRhsScales())
    sum = arith::SIToFPOp::create(b, at, b.getF32Type(), sum);
  for (Value scales : {op.getLhsScales(), op.getRhsScales()}) {
    if (!scales)
      continue;
    Value scale = elements.front();
    elements = elements.drop_front();
    if (!scale.getType().isF32())
      scale = arith::ExtFOp::create(b, at, b.getF32Type(), scale);
    sum = arith::MulFOp::create(b, at, sum, scale);
  }
  Type sumType = op.getSumType(), resultType = getElementTypeOrSelf(op.getResult().getType());
  if (sumType.isInteger(64))
    sum = arith::ExtSIOp::create(b, at, sumType, sum);
  if (!op.hasEpilogue())
    return sum.getType() == resultType || isa<IntegerType>(sum.getType()) ? sum
                                                                          : arith::TruncFOp::create(b, at, resultType, sum).getResult();
  Block &block = op.getEpilogue().front();
  IRMapping mapping;
  mapping.map(block.getArgument(0), sum);
  for (auto [argument, element] : llvm::zip(block.getArguments().drop_front(), elements))
    mapping.map(argument, element);
  for (Operation &inner : block.without_terminator())
    b.clone(inner, mapping);
  return mapping.lookupOrDefault(cast<YieldOp>(block.getTerminator()).getValue());
}

void PackedMatmul::buildConsumer() {
  SmallVector<Operand> inputs{{dots.getResult(0), rewriter.getMultiDimIdentityMap(numParallel)}};
  if (op.getLhsScales())
    inputs.push_back(getScaleLike(op.getLhsScales(), op.getLhsMap(), op.getLhsSchemeAttr()));
  if (op.getRhsScales())
    inputs.push_back(getScaleLike(op.getRhsScales(), op.getRhsMap(), op.getRhsSchemeAttr()));
  for (auto [i, operand] : llvm::enumerate(op.getEpilogueOperands()))
    inputs.push_back(splitLikeResult({operand, op.getMap(3 + i)}));
  bool isPadded = splits[form.m].padded != form.rows || splits[form.n].padded != form.columns;
  Operand init = isPadded ? buildEmpty(getElementTypeOrSelf(op.getResult().getType())) : splitAxes({op.getInit(), op.getResultMap()});
  consumer = buildGeneric(inputs, init, /*hasReduction=*/false,
                          [&](OpBuilder &b, Location at, ValueRange elements) { return buildElement(b, at, elements); });
}

Value PackedMatmul::build() {
  lhs = prepareLhs();
  packedLhs = splitAxes(lhs);
  packedRhs = prepareRhs();
  buildStart();
  buildDots();
  buildConsumer();

  auto type = cast<RankedTensorType>(op.getResult().getType());
  SmallVector<int64_t> padded;
  SmallVector<ReassociationIndices> groups;
  for (AffineExpr expr : op.getResultMap().getResults()) {
    const Split &split = splits[cast<AffineDimExpr>(expr).getPosition()];
    padded.push_back(split.padded);
    groups.push_back({split.outer});
    if (split.isSplit)
      groups.back().push_back(split.outer + 1);
  }
  Value whole = tensor::CollapseShapeOp::create(rewriter, loc, type.clone(padded), consumer.getResult(0), groups);
  if (type.getShape() == ArrayRef<int64_t>(padded))
    return whole;
  SmallVector<OpFoldResult> offsets(padded.size(), rewriter.getIndexAttr(0)), strides(padded.size(), rewriter.getIndexAttr(1));
  return tensor::ExtractSliceOp::create(rewriter, loc, type, whole, offsets, getAsIndexOpFoldResult(rewriter.getContext(), type.getShape()),
                                        strides);
}

} // namespace mlir::lowbit
