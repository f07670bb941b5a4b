//===- PackedMatmul.cpp - a contraction as linalg over split axes ---------===//
// Law: sum (a - za)(b - zb) = sum a'b - t sum b - zb (sum a' - K t), where a' = a + offset and t = offset + za, modulo 2^32.

#include "PackedMatmul.h"
#include "lowbit/Analysis/AccumulatorBound.h"
#include "lowbit/Conversion/ProductEpilogue.h"
#include "lowbit/Formats/Build.h"
#include "lowbit/IR/CodeConstants.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "llvm/Support/MathExtras.h"

namespace mlir::lowbit {

PackedMatmul::PackedMatmul(RewriterBase &rewriter, ContractOp op, const MatmulForm &form, QuantTargetAttrInterface target,
                           const RegisterTile &tile)
    : rewriter(rewriter), op(op), loc(op.getLoc()), form(form), target(target), tile(tile), dot(getDotProduct(target, form)),
      rhsWidth(op.getRhsScheme() ? op.getRhsScheme()->getFormat().getWidth() : form.rhsWidth) {
  if (auto unpack = getUnpack())
    packing = unpack.getPacking();
  splitLoops();
  if (packing && !isPackedAsSplit()) {
    packing = {};
    splitLoops();
  }
}

StringRef PackedMatmul::getObstacle() {
  bool isDecoded = form.element && op.getRhsScheme();
  if (form.numBits != 0 || packing || !(isDecoded || isa<CodeType>(getElementTypeOrSelf(op.getRhs().getType()))))
    return {};
  return isDecoded ? "right codes are not packed: groups do not fill whole bytes, or reduction and columns are not the last axes"
                   : "right codes are not packed, and no integers in memory";
}

void PackedMatmul::splitLoops() {
  SmallVector<int64_t> sizes = op.getLoopSizes();
  splits.assign(sizes.size(), {});
  unsigned next = 0;
  auto split = [&](unsigned loop, ArrayRef<int64_t> parts) {
    splits[loop] = {next, llvm::to_vector(parts), sizes[loop]};
    next += parts.size();
  };
  for (AffineExpr expr : op.getResultMap().getResults()) {
    unsigned loop = cast<AffineDimExpr>(expr).getPosition();
    int64_t inner = loop == form.m ? tile.rows : loop == form.n ? tile.columns : 0;
    if (inner == 0)
      split(loop, sizes[loop]);
    else
      split(loop, {static_cast<int64_t>(llvm::divideCeil(sizes[loop], inner)), inner});
  }
  numParallel = next;
  splitReduction(split);
  numLoops = next;
}

void PackedMatmul::splitReduction(function_ref<void(unsigned, ArrayRef<int64_t>)> split) {
  int64_t places = packing ? packing.getCodesPerByte(getRhsWidth()) : 1;
  SmallVector<int64_t> parts;
  unsigned next = numParallel;
  reduction = {};
  if (form.numBits != 0) {
    reduction.group = next;
    return split(form.k, form.getNumWords());
  }
  if (form.block != 0) {
    parts.push_back(form.depth / form.block);
    reduction.block = next++;
  }
  int64_t depth = form.block != 0 ? form.block : form.depth;
  if (form.windows) {
    parts.append(form.windows->taps);
    reduction.tap = next;
    reduction.numTaps = parts.size();
    next += parts.size();
    depth = form.windows->channels;
  }
  parts.push_back(llvm::divideCeil(depth, dot.depth * places));
  reduction.group = next++;
  if (places > 1) {
    parts.push_back(places);
    reduction.place = next++;
  }
  // Sums of single products of floats are vectors that are multiplied and added.
  if (!form.element || dot.depth > 1) {
    parts.push_back(dot.depth);
    reduction.depth = next;
  }
  split(form.k, parts);
  // Stands for the block among the loops of the contraction.
  if (reduction.block)
    splits.push_back({*reduction.block, {parts.front()}, parts.front()});
}

SmallVector<OpFoldResult> PackedMatmul::getTileSizes() const {
  SmallVector<OpFoldResult> sizes(numParallel, rewriter.getIndexAttr(0));
  for (const Split &split : splits)
    if (split.first < numParallel)
      sizes[split.first] = rewriter.getIndexAttr(1);
  return sizes;
}

SmallVector<int64_t> PackedMatmul::getLoopOrder() const {
  SmallVector<int64_t> order = llvm::to_vector(llvm::seq<int64_t>(0, numParallel));
  if (tile.columnsOutermost)
    std::swap(order[splits[form.m].first], order[splits[form.n].first]);
  return order;
}

linalg::GenericOp PackedMatmul::buildGeneric(ArrayRef<Operand> inputs, Operand init, ArrayRef<utils::IteratorType> reductions,
                                             BodyBuilder body) {
  unsigned loops = numParallel + reductions.size();
  SmallVector<Value> values;
  SmallVector<AffineMap> maps;
  auto append = [&](const Operand &operand) {
    values.push_back(operand.value);
    maps.push_back(AffineMap::get(loops, 0, operand.map.getResults(), rewriter.getContext()));
  };
  llvm::for_each(inputs, append);
  append(init);
  SmallVector<utils::IteratorType> iterators(numParallel, utils::IteratorType::parallel);
  llvm::append_range(iterators, reductions);
  auto generic = linalg::GenericOp::create(
      rewriter, loc, init.value.getType(), ArrayRef(values).drop_back(), values.back(), maps, iterators,
      [&](OpBuilder &b, Location at, ValueRange elements) { linalg::YieldOp::create(b, at, body(b, at, elements)); });
  generic->setAttr(vectorizeAttrName, rewriter.getUnitAttr());
  return generic;
}

PackedMatmul::Operand PackedMatmul::buildEmpty(Type elementType, bool hasBlocks) {
  unsigned rank = numParallel + (hasBlocks ? 1 : 0);
  SmallVector<int64_t> shape(rank, 1);
  for (const Split &split : splits)
    if (split.first < numParallel)
      llvm::copy(split.sizes, shape.begin() + split.first);
  if (hasBlocks)
    shape.back() = splits[form.k].sizes.front();
  return {tensor::EmptyOp::create(rewriter, loc, shape, elementType), rewriter.getMultiDimIdentityMap(rank)};
}

void PackedMatmul::buildStart() {
  SmallVector<Operand> inputs;
  Value lhsZeros = getLhsZeros(), rhsZeros = op.getRhsZeros();
  std::optional<int64_t> splatZero = getSplatZero();
  bool hasColumnSums = lhsZeros || offset != 0;
  if (hasColumnSums)
    inputs.push_back(sumColumns(lhsZeros ? -1 : -offset));
  if (lhsZeros)
    inputs.push_back(getScaleLike(lhsZeros, op.getLhsMap(), op.getLhsSchemeAttr()));
  if (rhsZeros && !splatZero)
    inputs.push_back(getScaleLike(rhsZeros, op.getRhsMap(), op.getRhsSchemeAttr()));
  if (rhsZeros)
    inputs.push_back(splitLikeResult(sumAlongReduction(lhs, isLhsSigned, splatZero ? -*splatZero : 1)));
  bool isLhsZeroSigned = op.getLhsScheme()->getFormat().isSigned(), isRhsZeroSigned = op.getRhsScheme()->getFormat().isSigned();
  int64_t length = form.block != 0 ? form.block : form.depth;
  auto body = [&](OpBuilder &b, Location at, ValueRange elements) {
    auto constant = [&](int64_t value) -> Value {
      return arith::ConstantOp::create(b, at, b.getI32IntegerAttr(static_cast<int32_t>(value)));
    };
    auto next = [&] {
      Value element = elements.front();
      elements = elements.drop_front();
      return element;
    };
    Value t = constant(offset), sum = hasColumnSums ? next() : constant(0);
    if (lhsZeros) {
      t = arith::AddIOp::create(b, at, t, buildResize(b, at, next(), 32, isLhsZeroSigned));
      sum = arith::MulIOp::create(b, at, sum, t);
    }
    if (!rhsZeros)
      return sum;
    if (splatZero) {
      Value rest = arith::AddIOp::create(b, at, next(), arith::MulIOp::create(b, at, t, constant(length * *splatZero)));
      return arith::AddIOp::create(b, at, sum, rest).getResult();
    }
    Value zero = buildResize(b, at, next(), 32, isRhsZeroSigned);
    Value rest = arith::SubIOp::create(b, at, next(), arith::MulIOp::create(b, at, t, constant(length)));
    return arith::SubIOp::create(b, at, sum, arith::MulIOp::create(b, at, zero, rest)).getResult();
  };
  SmallVector<utils::IteratorType> blocks(form.block != 0 ? 1 : 0, utils::IteratorType::parallel);
  start = buildGeneric(inputs, buildEmpty(rewriter.getI32Type(), form.block != 0), blocks, body);
}

void PackedMatmul::buildDots() {
  Operand sums{start.getResult(0), rewriter.getMultiDimIdentityMap(numParallel + (reduction.block ? 1 : 0))};
  SmallVector<utils::IteratorType> iterators(numLoops - numParallel, utils::IteratorType::reduction);
  if (reduction.block)
    iterators.front() = utils::IteratorType::parallel;
  dots = buildGeneric({packedLhs, packedRhs}, sums, iterators, [&](OpBuilder &b, Location at, ValueRange elements) {
    Value left = buildResize(b, at, elements[0], 32, isLhsSigned), right = buildResize(b, at, elements[1], 32, isRhsSigned);
    return arith::AddIOp::create(b, at, elements[2], arith::MulIOp::create(b, at, left, right)).getResult();
  });
}

/// Bits of both sides that differ: each takes two from the sum of products.
void PackedMatmul::buildDifferences() {
  Operand counts{start.getResult(0), rewriter.getMultiDimIdentityMap(numParallel)};
  dots = buildGeneric({packedLhs, packedRhs}, counts, utils::IteratorType::reduction, [&](OpBuilder &b, Location at, ValueRange elements) {
    Value differing = math::CtPopOp::create(b, at, arith::XOrIOp::create(b, at, elements[0], elements[1]).getResult());
    return arith::AddIOp::create(b, at, elements[2], differing).getResult();
  });
}

static Value buildAsReal(OpBuilder &b, Location at, Value number) {
  if (isa<IntegerType>(number.getType()))
    return arith::SIToFPOp::create(b, at, b.getF32Type(), number);
  return buildAsF32(b, at, number);
}

void PackedMatmul::buildBlockSum() {
  SmallVector<Operand> inputs{{dots.getResult(0), rewriter.getMultiDimIdentityMap(numParallel + 1)}};
  appendScales(/*inBlocks=*/true, inputs);
  Operand empty = buildEmpty(rewriter.getF32Type(), /*hasBlocks=*/false);
  Value zero = arith::ConstantOp::create(rewriter, loc, rewriter.getF32FloatAttr(0));
  auto fill = linalg::FillOp::create(rewriter, loc, zero, empty.value);
  blockSum = buildGeneric(inputs, {fill.getResult(0), empty.map}, utils::IteratorType::reduction,
                          [](OpBuilder &b, Location at, ValueRange elements) {
                            Value real = buildAsReal(b, at, elements.front());
                            for (Value scale : elements.drop_front().drop_back(2))
                              real = arith::MulFOp::create(b, at, real, buildAsReal(b, at, scale));
                            Value last = buildAsReal(b, at, elements[elements.size() - 2]);
                            return math::FmaOp::create(b, at, real, last, elements.back()).getResult();
                          });
}

/// The element of the result from the sum, the scales and the epilogue's operands, in the order that the op's document gives.
Value PackedMatmul::buildElement(OpBuilder &b, Location at, ValueRange elements) {
  Value sum = elements.front();
  elements = elements.drop_front();
  if (form.numBits != 0)
    sum = arith::SubIOp::create(b, at, buildIntegerLike(b, at, form.numBits, 32, sum), arith::AddIOp::create(b, at, sum, sum));
  if (op.getLhsScales() || op.getRhsScales())
    sum = buildAsReal(b, at, sum);
  for (unsigned i = 0; i < numWholeScales; ++i)
    sum = arith::MulFOp::create(b, at, sum, buildAsReal(b, at, elements[i]));
  elements = elements.drop_front(numWholeScales);
  Type sumType = op.getSumType(), resultType = getResultElementType();
  if (sumType.isInteger(64))
    sum = arith::ExtSIOp::create(b, at, sumType, sum);
  if (!op.hasEpilogue())
    return sum.getType() == resultType || isa<IntegerType>(sum.getType()) ? sum
                                                                          : arith::TruncFOp::create(b, at, resultType, sum).getResult();
  return applyEpilogue(b, op.getEpilogue(), sum, elements.take_front(op.getEpilogueOperands().size()));
}

void PackedMatmul::appendScales(bool inBlocks, SmallVectorImpl<Operand> &inputs) {
  if (op.getLhsScales() && changesAlongReductions(op, ContractOperand::Lhs) == inBlocks)
    inputs.push_back(getScaleLike(op.getLhsScales(), op.getLhsMap(), op.getLhsSchemeAttr()));
  if (op.getRhsScales() && changesAlongReductions(op, ContractOperand::Rhs) == inBlocks)
    inputs.push_back(getScaleLike(op.getRhsScales(), op.getRhsMap(), op.getRhsSchemeAttr()));
}

void PackedMatmul::buildConsumer() {
  linalg::GenericOp sums = blockSum ? blockSum : dots;
  SmallVector<Operand> inputs{{sums.getResult(0), rewriter.getMultiDimIdentityMap(numParallel)}};
  appendScales(/*inBlocks=*/false, inputs);
  numWholeScales = inputs.size() - 1;
  for (auto [i, operand] : llvm::enumerate(op.getEpilogueOperands()))
    inputs.push_back(splitLikeResult({operand, op.getMap(3 + i)}));
  bool isPadded = splits[form.m].getPadded() != form.rows || splits[form.n].getPadded() != form.columns;
  Type elementType = getResultElementType();
  bool isStored = elementType == getElementTypeOrSelf(op.getResult().getType());
  Operand init = isPadded || !isStored ? buildEmpty(elementType, /*hasBlocks=*/false) : splitAxes({op.getInit(), op.getResultMap()});
  consumer = buildGeneric(inputs, init, {}, [&](OpBuilder &b, Location at, ValueRange elements) { return buildElement(b, at, elements); });
}

/// Dot products of bytes.
void PackedMatmul::buildBytes() {
  rhs = packing ? Operand{op.getRhs(), op.getRhsMap()} : decodeRhs();
  NumberFormatAttrInterface rhsFormat = op.getRhsScheme()->getFormat();
  isRhsSigned = rhsFormat.isSigned() || (!packing && !rhsFormat.getCodeType().isInteger(8));
  chooseSigns();
  if (form.windows) {
    packedLhs = prepareWindows();
  } else {
    lhs = prepareLhs();
    packedLhs = splitAxes(lhs);
  }
  packedRhs = prepareRhs();
  buildStart();
  buildDots();
  if (form.block != 0)
    buildBlockSum();
}

/// Codes without a builtin type are computed as what stores them.
Type PackedMatmul::getResultElementType() { return getStoredType(getElementTypeOrSelf(op.getResult().getType())); }

Value PackedMatmul::build() {
  if (form.numBits != 0) {
    packedLhs = prepareLhsBits();
    packedRhs = prepareRhsBits();
    buildStart();
    buildDifferences();
  } else if (form.element) {
    buildFloats();
  } else {
    buildBytes();
  }
  buildConsumer();

  auto type = cast<RankedTensorType>(op.getResult().getType()).clone(getResultElementType());
  SmallVector<int64_t> padded;
  SmallVector<ReassociationIndices> groups;
  for (AffineExpr expr : op.getResultMap().getResults()) {
    const Split &split = splits[cast<AffineDimExpr>(expr).getPosition()];
    padded.push_back(split.getPadded());
    groups.push_back(llvm::to_vector<2>(llvm::seq<int64_t>(split.first, split.first + split.sizes.size())));
  }
  Value result = tensor::CollapseShapeOp::create(rewriter, loc, type.clone(padded), consumer.getResult(0), groups);
  if (type.getShape() != ArrayRef<int64_t>(padded)) {
    SmallVector<OpFoldResult> offsets(padded.size(), rewriter.getIndexAttr(0)), strides(padded.size(), rewriter.getIndexAttr(1));
    result = tensor::ExtractSliceOp::create(rewriter, loc, type, result, offsets,
                                            getAsIndexOpFoldResult(rewriter.getContext(), type.getShape()), strides);
  }
  if (type == op.getResult().getType())
    return result;
  return UnrealizedConversionCastOp::create(rewriter, loc, op.getResult().getType(), result).getResult(0);
}

} // namespace mlir::lowbit
