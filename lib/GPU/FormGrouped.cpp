//===- FormGrouped.cpp - contractions with weights of few bits ------------===//
// Law: weights are the numbers that codes stand for; reals are those of the contraction, operation by operation.

#include "FormGrouped.h"
#include "lowbit/Analysis/AccumulatorBound.h"
#include "lowbit/Conversion/BlockView.h"
#include "lowbit/Formats/Build.h"
#include "lowbit/IR/LaneWeights.h"
#include "lowbit/Packings/HostPacking.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/IR/IRMapping.h"

namespace mlir::lowbit {

/// The axis of the right side that is the reduction.
static unsigned getDepthAxis(ContractOp op, const ContractAxes &axes) {
  return *op.getRhsMap().getResultPosition(getAffineDimExpr(axes.getDepthLoop(), op.getContext()));
}

/// 0: scales do not change along the reduction.
static int64_t getGroup(ContractOp op, const ContractAxes &axes) {
  return changesAlongReductions(op, ContractOperand::Rhs) ? op.getRhsScheme()->getBlock()[getDepthAxis(op, axes)] : 0;
}

/// The bits that numbers of an interval take, of those that kernels know; 0: more.
static int64_t getWidth(IntegerInterval interval) {
  for (int64_t width : {2, 4}) {
    int64_t levels = int64_t(1) << width, smallest = interval.smallest < 0 ? -levels / 2 : 0;
    if (interval.smallest >= smallest && interval.largest < smallest + levels)
      return width;
  }
  return 0;
}

static std::string getLeftObstacle(ContractOp op, int64_t depth) {
  Type element = getElementTypeOrSelf(op.getLhs().getType());
  if (SchemeAttr scheme = op.getLhsSchemeAttr()) {
    if (!scheme.getFormat().isInteger() || !scheme.getFormat().getCodeType().isInteger(8) || !scheme.getFormat().isSigned())
      return "left codes that meet weights of few bits are no signed bytes";
    if (op.getLhsZeros() || op.getRhsZeros())
      return "zero points meet weights of few bits and left codes";
    // Sums are up to 64 times as large as they are meant.
    constexpr int64_t deepest = int64_t(1) << 16;
    if (changesAlongReductions(op, ContractOperand::Lhs) || depth > deepest)
      return "left scales change along the reduction, or it is too long";
  } else if (!element.isF16() && !element.isBF16()) {
    return "left elements that meet weights of few bits are neither f16 nor bf16";
  }
  return "";
}

static std::string getGroupObstacle(ContractOp op, const ContractAxes &axes) {
  SchemeAttr scheme = op.getRhsSchemeAttr();
  int64_t group = getGroup(op, axes);
  if (group < 32 || group > 1024 || !llvm::isPowerOf2_64(group) || axes.getDepth() % group != 0)
    return "groups along the reduction are no power of two from 32 to 1024 that divides it";
  for (auto [axis, block] : llvm::enumerate(scheme.getBlock().asArrayRef()))
    if (axis != getDepthAxis(op, axes) && block != 1)
      return "columns share scales";
  Type scale = getElementTypeOrSelf(op.getRhsScales().getType());
  if (!scale.isF32() && !scale.isF16() && !scale.isBF16())
    return "scales are neither f32, f16 nor bf16";
  if (op.getRhsZeros() && (scheme.getZero().getWidth() > 8 || !scheme.getZero().isSignless()))
    return "zero points have more than 8 bits";
  return "";
}

/// Where scales do not change along the reduction.
static std::string getWholeObstacle(ContractOp op, const ContractAxes &axes) {
  constexpr int64_t multiple = 32; // so that rows of lhs begin where loads may
  if (axes.getDepth() % multiple != 0)
    return "the reduction is no multiple of 32";
  if (op.getRhsZeros())
    return "zero points meet weights of few bits without groups";
  for (auto [scheme, codes] : {std::pair(op.getLhsSchemeAttr(), op.getLhs()), std::pair(op.getRhsSchemeAttr(), op.getRhs())}) {
    if (!scheme || scheme.isPerTensor())
      continue;
    for (auto [block, size] : llvm::zip(scheme.getBlock().asArrayRef(), cast<RankedTensorType>(codes.getType()).getShape()))
      if (block != 0 && block != 1 && block != size)
        return "scales are shared by some but not all codes of an axis";
  }
  return "";
}

std::string getGroupedObstacle(ContractOp op, const ContractAxes &axes) {
  if (std::string obstacle = getLeftObstacle(op, axes.getDepth()); !obstacle.empty())
    return obstacle;
  SchemeAttr scheme = op.getRhsSchemeAttr();
  if (!scheme || !scheme.getFormat().isInteger())
    return "weights are not integers";
  if (getWidth(getCodeInterval(scheme.getFormat())) == 0)
    return "weights have numbers that do not fit four bits";
  if (axes.hasBatches())
    return "weights of few bits have batches";
  if (!readCodes(op.getRhs()))
    return "weights of few bits are not constant";
  Type result = getElementTypeOrSelf(op.getResult().getType());
  if (!result.isIntOrFloat() || result.getIntOrFloatBitWidth() < 8)
    return "elements of the result take less than a byte";
  return getGroup(op, axes) == 0 ? getWholeObstacle(op, axes) : getGroupObstacle(op, axes);
}

namespace {
struct Former {
  RewriterBase &rewriter;
  ContractOp op;
  const ContractAxes &axes;
  Location loc = op.getLoc();
  NumberFormatAttrInterface format = op.getRhsScheme()->getFormat();
  IntegerInterval interval = getCodeInterval(format);
  int64_t group = getGroup(op, axes);
  LaneWeights weights{getWidth(interval), getElementTypeOrSelf(op.getLhs().getType()).getIntOrFloatBitWidth()};

  int64_t getTiles() const { return llvm::divideCeil(axes.getColumns(), LaneWeights::columns); }

  Value packCodes() {
    std::optional<std::vector<char>> codes = readCodes(op.getRhs());
    ArrayRef<int64_t> shape = cast<RankedTensorType>(op.getRhs().getType()).getShape();
    std::vector<int64_t> places = axes.getPlaces(shape, op.getRhsMap(), /*isLhs=*/false);
    int64_t depth = axes.getDepth(), rowBytes = weights.getRowBytes(depth, group), mask = (int64_t(1) << weights.width) - 1;
    std::vector<char> bytes(getTiles() * rowBytes, 0);
    for (int64_t column = 0; column < axes.getColumns(); ++column)
      for (int64_t k = 0; k < depth; ++k) {
        auto number = static_cast<int64_t>(format.decode(static_cast<uint8_t>((*codes)[places[column * depth + k]])));
        int64_t bit = weights.getBit(column % LaneWeights::columns, k);
        bytes[column / LaneWeights::columns * rowBytes + bit / 8] |= static_cast<char>((number & mask) << bit % 8);
      }
    auto type = RankedTensorType::get({getTiles(), rowBytes}, rewriter.getI8Type());
    return arith::ConstantOp::create(rewriter, loc, makeResource(type, "codes", bytes));
  }

  /// Scales or zero points as `[groups, columns]`, of whole tiles.
  Value formScales(Value scales) {
    if (getDepthAxis(op, axes) != 0)
      scales = buildTransposed(rewriter, loc, scales, {1, 0});
    auto type = cast<RankedTensorType>(scales.getType());
    int64_t columns = getTiles() * LaneWeights::columns;
    if (type.getDimSize(1) == columns)
      return scales;
    Value zero = arith::ConstantOp::create(rewriter, loc, rewriter.getZeroAttr(type.getElementType()));
    Value empty = tensor::EmptyOp::create(rewriter, loc, {type.getDimSize(0), columns}, type.getElementType());
    Value zeros = linalg::FillOp::create(rewriter, loc, zero, empty).getResult(0);
    SmallVector<OpFoldResult> offsets(2, rewriter.getIndexAttr(0)), strides(2, rewriter.getIndexAttr(1));
    return tensor::InsertSliceOp::create(rewriter, loc, scales, zeros, offsets,
                                         getAsIndexOpFoldResult(rewriter.getContext(), type.getShape()), strides);
  }

  /// Zero points as bytes, of the sign of the codes.
  Value formZeros() {
    Value zeros = formScales(op.getRhsZeros());
    auto type = cast<RankedTensorType>(zeros.getType());
    Value empty = tensor::EmptyOp::create(rewriter, loc, type.getShape(), rewriter.getI8Type());
    SmallVector<AffineMap> maps(2, rewriter.getMultiDimIdentityMap(2));
    return buildGeneric(rewriter, loc, zeros, empty, maps, [&](OpBuilder &b, Location at, ValueRange elements) {
      return buildResize(b, at, elements[0], 8, format.isSigned());
    });
  }

  /// The real, or the sum, less what the scales that do not change make of it.
  void buildRegion(GroupedMatmulOp product, ValueRange operands, size_t numScales) {
    OpBuilder::InsertionGuard guard(rewriter);
    SmallVector<Type> types{product.getSumType()};
    for (Value operand : operands)
      types.push_back(getElementTypeOrSelf(operand.getType()));
    Block *block = rewriter.createBlock(&product.getEpilogue(), {}, types, SmallVector<Location>(types.size(), loc));
    ValueRange elements = block->getArguments().drop_front();
    Value value = block->getArgument(0);
    bool areSums = !op.getLhsScales() && !op.getRhsScales();
    if (areSums)
      value = buildResize(rewriter, loc, value, op.getSumType().getIntOrFloatBitWidth(), /*isSigned=*/true);
    else if (value.getType().isInteger())
      value = arith::SIToFPOp::create(rewriter, loc, rewriter.getF32Type(), value);
    for (Value scale : elements.take_front(numScales))
      value = arith::MulFOp::create(rewriter, loc, value, buildAsF32(rewriter, loc, scale));
    if (!op.hasEpilogue()) {
      Type element = getElementTypeOrSelf(op.getResult().getType());
      YieldOp::create(rewriter, loc, areSums ? value : buildFromF32(rewriter, loc, value, element));
      return;
    }
    cloneEpilogue(rewriter, op, value, elements.drop_front(numScales));
  }

  Value build() {
    SmallVector<Value> operands;
    if (op.getLhsScales())
      operands.push_back(axes.formOperand(rewriter, loc, op.getLhsScales(), op.getLhsMap()));
    if (op.getRhsScales() && group == 0)
      operands.push_back(axes.formOperand(rewriter, loc, op.getRhsScales(), op.getRhsMap()));
    size_t numScales = operands.size();
    for (auto [i, operand] : llvm::enumerate(op.getEpilogueOperands()))
      operands.push_back(axes.formOperand(rewriter, loc, operand, op.getMap(3 + i)));
    Value lhs = axes.formSide(rewriter, loc, op.getLhs(), op.getLhsMap(), /*isLhs=*/true);
    auto type = cast<RankedTensorType>(op.getResult().getType());
    RankedTensorType formed = type.clone(axes.getResultShape());
    Value init = formed == type ? op.getInit() : tensor::EmptyOp::create(rewriter, loc, formed.getShape(), formed.getElementType());
    Value scales = group != 0 ? formScales(op.getRhsScales()) : Value(), zeros = op.getRhsZeros() ? formZeros() : Value();
    auto product = GroupedMatmulOp::create(rewriter, loc, formed, lhs, packCodes(), scales, zeros, init, operands, weights.width, group,
                                           /*rhs_unsigned=*/interval.smallest >= 0);
    product->setDiscardableAttrs(op->getDiscardableAttrDictionary());
    buildRegion(product, operands, numScales);
    return buildReshaped(rewriter, loc, product.getResult(), type.getShape());
  }
};
} // namespace

bool prefersGrouped(ContractOp op, const ContractAxes &axes, bool hasKernel) {
  // Where rows are many, products of bytes take less time than weights of few bits, which are read and unpacked for each 16 of them.
  constexpr int64_t fewRows = 16;
  return changesAlongReductions(op, ContractOperand::Rhs) || !op.getLhsSchemeAttr() ||
         (hasKernel && axes.getRows() <= fewRows && getGroupedObstacle(op, axes).empty());
}

void cloneEpilogue(RewriterBase &rewriter, ContractOp op, Value sum, ValueRange elements) {
  IRMapping mapping;
  Block &body = op.getEpilogue().front();
  mapping.map(body.getArgument(0), sum);
  mapping.map(body.getArguments().drop_front(), elements);
  for (Operation &nested : body)
    rewriter.clone(nested, mapping);
}

Value formGrouped(RewriterBase &rewriter, ContractOp op, const ContractAxes &axes) { return Former{rewriter, op, axes}.build(); }

} // namespace mlir::lowbit
