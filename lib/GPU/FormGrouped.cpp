//===- FormGrouped.cpp - contractions with weights in groups --------------===//
// Law: what a code stands for, less its zero point, is the unsigned code that is stored less the zero that is.

#include "FormGrouped.h"
#include "lowbit/Analysis/AccumulatorBound.h"
#include "lowbit/Conversion/BlockView.h"
#include "lowbit/Formats/Build.h"
#include "lowbit/Packings/HostPacking.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/IR/IRMapping.h"

namespace mlir::lowbit {

/// The axis of the right side that is the reduction.
static unsigned getDepthAxis(ContractOp op, const ContractAxes &axes) {
  return *op.getRhsMap().getResultPosition(getAffineDimExpr(axes.getDepthLoop(), op.getContext()));
}

static int64_t getGroup(ContractOp op, const ContractAxes &axes) { return op.getRhsScheme()->getBlock()[getDepthAxis(op, axes)]; }

std::string getGroupedObstacle(ContractOp op, const ContractAxes &axes) {
  SchemeAttr scheme = op.getRhsSchemeAttr();
  Type element = getElementTypeOrSelf(op.getLhs().getType());
  if (op.getLhsSchemeAttr() || !(element.isF16() || element.isBF16()))
    return "left elements that meet weights in groups are neither f16 nor bf16";
  if (!scheme || scheme.isPerTensor() || !scheme.getFormat().isInteger() || !op.getRhsScales())
    return "weights are not integers with scales";
  IntegerInterval interval = getCodeInterval(scheme.getFormat());
  if (interval.largest - interval.smallest > 15)
    return "weights in groups have more than 16 levels";
  int64_t group = getGroup(op, axes);
  if (group < 32 || group > 1024 || !llvm::isPowerOf2_64(group) || axes.getDepth() % group != 0)
    return "groups along the reduction are no power of two from 32 to 1024 that divides it";
  for (auto [axis, block] : llvm::enumerate(scheme.getBlock().asArrayRef()))
    if (axis != getDepthAxis(op, axes) && block != 1)
      return "columns share scales";
  Type scale = getElementTypeOrSelf(op.getRhsScales().getType());
  if (!scale.isF32() && !scale.isF16() && !scale.isBF16())
    return "scales are neither f32, f16 nor bf16";
  if (axes.hasBatches())
    return "weights in groups have batches";
  if (!readCodes(op.getRhs()))
    return "weights in groups are not constant";
  if (op.getRhsZeros() && (scheme.getZero().getWidth() > 8 || !scheme.getZero().isSignless()))
    return "zero points have more than 8 bits";
  Type result = getElementTypeOrSelf(op.getResult().getType());
  if (!result.isIntOrFloat() || result.getIntOrFloatBitWidth() < 8)
    return "elements of the result take less than a byte";
  return "";
}

namespace {
/// Codes as they are stored: from the smallest number that one stands for on.
struct Former {
  RewriterBase &rewriter;
  ContractOp op;
  const ContractAxes &axes;
  Location loc = op.getLoc();
  NumberFormatAttrInterface format = op.getRhsScheme()->getFormat();
  int64_t smallest = getCodeInterval(format).smallest;

  Value packCodes() {
    std::optional<std::vector<char>> codes = readCodes(op.getRhs());
    ArrayRef<int64_t> shape = cast<RankedTensorType>(op.getRhs().getType()).getShape();
    std::vector<int64_t> places = axes.getPlaces(shape, op.getRhsMap(), /*isLhs=*/false);
    std::vector<char> bytes(places.size() / 2, 0);
    for (auto [i, place] : llvm::enumerate(places)) {
      auto number = static_cast<int64_t>(format.decode(static_cast<uint8_t>((*codes)[place]))) - smallest;
      bytes[i / 2] |= static_cast<char>(number << 4 * (i % 2));
    }
    auto type = RankedTensorType::get({axes.getColumns(), axes.getDepth() / 2}, rewriter.getI8Type());
    return arith::ConstantOp::create(rewriter, loc, makeResource(type, "codes", bytes));
  }

  /// Scales or zero points as `[columns, groups]`.
  Value formScales(Value scales) { return getDepthAxis(op, axes) == 0 ? buildTransposed(rewriter, loc, scales, {1, 0}) : scales; }

  /// Zero points as signed bytes, less the smallest number.
  Value formZeros() {
    Value zeros = formScales(op.getRhsZeros());
    auto type = cast<RankedTensorType>(zeros.getType());
    Value empty = tensor::EmptyOp::create(rewriter, loc, type.getShape(), rewriter.getI8Type());
    SmallVector<AffineMap> maps(2, rewriter.getMultiDimIdentityMap(2));
    return buildGeneric(rewriter, loc, zeros, empty, maps, [&](OpBuilder &b, Location at, ValueRange elements) {
      Value wide = buildResize(b, at, elements[0], 32, format.isSigned());
      Value offset = arith::ConstantOp::create(b, at, b.getI32IntegerAttr(-smallest));
      return buildResize(b, at, arith::AddIOp::create(b, at, wide, offset), 8, /*isSigned=*/true);
    });
  }

  void buildRegion(GroupedMatmulOp product, ValueRange operands) {
    OpBuilder::InsertionGuard guard(rewriter);
    SmallVector<Type> types{rewriter.getF32Type()};
    for (Value operand : operands)
      types.push_back(getElementTypeOrSelf(operand.getType()));
    Block *block = rewriter.createBlock(&product.getEpilogue(), {}, types, SmallVector<Location>(types.size(), loc));
    Value real = block->getArgument(0);
    if (!op.hasEpilogue()) {
      YieldOp::create(rewriter, loc, buildFromF32(rewriter, loc, real, getElementTypeOrSelf(op.getResult().getType())));
      return;
    }
    cloneEpilogue(rewriter, op, real, block->getArguments().drop_front());
  }

  Value build() {
    SmallVector<Value> operands;
    for (auto [i, operand] : llvm::enumerate(op.getEpilogueOperands()))
      operands.push_back(axes.formOperand(rewriter, loc, operand, op.getMap(3 + i)));
    Value lhs = axes.formSide(rewriter, loc, op.getLhs(), op.getLhsMap(), /*isLhs=*/true);
    auto type = cast<RankedTensorType>(op.getResult().getType());
    RankedTensorType formed = type.clone(axes.getResultShape());
    Value init = formed == type ? op.getInit() : tensor::EmptyOp::create(rewriter, loc, formed.getShape(), formed.getElementType());
    Value zeros = op.getRhsZeros() ? formZeros() : Value();
    auto product = GroupedMatmulOp::create(rewriter, loc, formed, lhs, packCodes(), formScales(op.getRhsScales()), zeros, init, operands,
                                           getGroup(op, axes), zeros ? 0 : -smallest);
    product->setDiscardableAttrs(op->getDiscardableAttrDictionary());
    buildRegion(product, operands);
    return buildReshaped(rewriter, loc, product.getResult(), type.getShape());
  }
};
} // namespace

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
