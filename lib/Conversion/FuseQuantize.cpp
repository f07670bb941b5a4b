//===- FuseQuantize.cpp - codes straight from the sums ---------------------===//
// Law: the epilogue ends in the arithmetic of `lowbit.quantize`, operation by operation; no code changes.

#include "ScaleArithmetic.h"
#include "lowbit/Conversion/Passes.h"
#include "lowbit/Transforms/HostQuantize.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Matchers.h"
#include "llvm/ADT/StringExtras.h"

namespace mlir::lowbit {
#define GEN_PASS_DEF_FUSEQUANTIZEPASS
#include "lowbit/Conversion/Passes.h.inc"

/// The element of a constant tensor that has only one.
static TypedAttr getSingleElement(Value constant) {
  DenseElementsAttr elements;
  if (!constant || !matchPattern(constant, m_Constant(&elements)) || !elements.isSplat())
    return {};
  return cast<TypedAttr>(elements.getSplatValue<Attribute>());
}

/// Of integers narrower than a byte: ReLU leaves at most four codes of them.
constexpr double kLargestNarrow = 3;

/// Whether codes of the type are integers that a byte holds.
static bool isInByte(Type element) {
  auto integer = dyn_cast<IntegerType>(element);
  return integer && integer.getWidth() <= 8;
}

/// The contraction that `op` alone reads, if one scale (and zero point), known now, serves all of its elements.
static FailureOr<ContractOp> findContract(QuantizeOp op) {
  auto contract = op.getInput().getDefiningOp<ContractOp>();
  auto codes = dyn_cast<RankedTensorType>(op.getType());
  bool isConstant = getSingleElement(op.getScales()) && (!op.getZeros() || getSingleElement(op.getZeros()));
  if (!contract || !contract->hasOneUse() || !codes || !codes.hasStaticShape() || !isConstant)
    return failure();
  if (!isInByte(codes.getElementType()) && !isa<CodeType>(codes.getElementType()))
    return failure();
  // Bytes are narrowed behind the contraction, which pays where comparisons tell the codes apart (`lowbit-fold-thresholds`).
  bool isNarrow = codes.getElementType().isInteger() && !codes.getElementType().isInteger(8);
  if (isNarrow && op.getScheme().getFormat().getLargest() > kLargestNarrow)
    return failure();
  if (!getElementTypeOrSelf(contract.getResult().getType()).isF32())
    return failure();
  return contract;
}

/// The code of `real`.
static Value buildCode(OpBuilder &builder, QuantizeOp op, Value real) {
  Location loc = op.getLoc();
  SchemeAttr scheme = op.getScheme();
  Value scale = buildAsF32(builder, loc, arith::ConstantOp::create(builder, loc, getSingleElement(op.getScales())));
  if (scheme.getScaling() == Scaling::Reciprocal)
    scale = arith::DivFOp::create(builder, loc, buildRealLike(builder, loc, 1, scale), scale);
  Value zero;
  if (op.getZeros())
    zero = buildZeroAsF32(builder, loc, arith::ConstantOp::create(builder, loc, getSingleElement(op.getZeros())),
                          scheme.getFormat().isSigned());
  return scheme.getFormat().buildEncode(builder, loc, buildScaled(builder, loc, real, scale, scheme), zero);
}

/// The code of a border of `real`: of a builtin type as a constant, else as the element of one.
static Value buildBorder(OpBuilder &builder, QuantizeOp op, Value real, float known) {
  Type element = getElementTypeOrSelf(op.getType());
  if (!isa<CodeType>(element))
    return buildCode(builder, op, real);
  HostScale scale{cast<FloatAttr>(getSingleElement(op.getScales())).getValue().convertToFloat(), 0};
  uint64_t code = HostQuantizer(op.getScheme()).encode(known, scale);
  std::string text = "0x" + llvm::toHex(ArrayRef(static_cast<uint8_t>(code)));
  auto constant = DenseStringElementsAttr::get(RankedTensorType::get({}, element), StringRef(text));
  Value codes = arith::ConstantOp::create(builder, op.getLoc(), constant);
  return tensor::ExtractOp::create(builder, op.getLoc(), codes, ValueRange());
}

/// Quantizes what a border is put around, and the border on its own: bytes are padded, and what made the reals may make codes instead.
static QuantizeOp moveBeforeBorder(RewriterBase &rewriter, QuantizeOp op) {
  auto pad = op.getInput().getDefiningOp<tensor::PadOp>();
  Value border = pad ? pad.getConstantPaddingValue() : Value();
  auto codes = dyn_cast<RankedTensorType>(op.getType());
  auto hasOne = [](Value scales) {
    return !scales || (getSingleElement(scales) && cast<ShapedType>(scales.getType()).getNumElements() == 1);
  };
  if (!border || !codes || !hasOne(op.getScales()) || !hasOne(op.getZeros()))
    return op;
  APFloat known(0.0f);
  bool isCode = isa<CodeType>(codes.getElementType()) && !op.getZeros() && getElementTypeOrSelf(op.getScales().getType()).isF32() &&
                border.getType().isF32() && matchPattern(border, m_ConstantFloat(&known));
  if (!codes.getElementType().isInteger(8) && !isCode)
    return op;
  rewriter.setInsertionPoint(op);
  auto inner = QuantizeOp::create(rewriter, op.getLoc(), codes.clone(pad.getSourceType().getShape()), pad.getSource(), op.getScales(),
                                  op.getZeros(), op.getScheme());
  Value code = buildBorder(rewriter, op, border, isCode ? known.convertToFloat() : 0.0f);
  rewriter.replaceOpWithNewOp<tensor::PadOp>(op, codes, inner.getResult(), pad.getMixedLowPad(), pad.getMixedHighPad(), code);
  if (pad->use_empty())
    rewriter.eraseOp(pad);
  return inner;
}

/// Quantizes what is reshaped, where one scale serves all elements.
static QuantizeOp moveBeforeReshape(RewriterBase &rewriter, QuantizeOp op) {
  Operation *reshape = op.getInput().getDefiningOp();
  auto codes = dyn_cast<RankedTensorType>(op.getType());
  if (!isa_and_nonnull<tensor::CollapseShapeOp, tensor::ExpandShapeOp>(reshape) || !reshape->hasOneUse() || !codes ||
      !op.getScheme().isPerTensor())
    return op;
  Value source = reshape->getOperand(0);
  auto sourceType = cast<RankedTensorType>(source.getType());
  if (!source.getDefiningOp<ContractOp>() || !sourceType.hasStaticShape() || !codes.hasStaticShape())
    return op;
  rewriter.setInsertionPoint(op);
  auto inner =
      QuantizeOp::create(rewriter, op.getLoc(), codes.clone(sourceType.getShape()), source, op.getScales(), op.getZeros(), op.getScheme());
  if (auto collapse = dyn_cast<tensor::CollapseShapeOp>(reshape))
    rewriter.replaceOpWithNewOp<tensor::CollapseShapeOp>(op, codes, inner.getResult(), collapse.getReassociationIndices());
  else
    rewriter.replaceOpWithNewOp<tensor::ExpandShapeOp>(op, codes, inner.getResult(),
                                                       cast<tensor::ExpandShapeOp>(reshape).getReassociationIndices());
  rewriter.eraseOp(reshape);
  return inner;
}

/// The codes that `bytes` hold. Narrower integers share bytes, which is a matter of packing: contractions write a byte for each.
static Value buildNarrow(OpBuilder &builder, Location loc, Value bytes, RankedTensorType type) {
  if (bytes.getType() == type)
    return bytes;
  Value empty = tensor::EmptyOp::create(builder, loc, type.getShape(), type.getElementType());
  AffineMap element = builder.getMultiDimIdentityMap(type.getRank());
  return buildGeneric(builder, loc, bytes, empty, {element, element}, [&](OpBuilder &b, Location nested, ValueRange args) -> Value {
    return arith::TruncIOp::create(b, nested, type.getElementType(), args[0]);
  });
}

static void fuse(RewriterBase &rewriter, QuantizeOp op, ContractOp old) {
  Location loc = old.getLoc();
  rewriter.setInsertionPoint(op);
  auto codes = cast<RankedTensorType>(op.getType());
  bool isNarrow = isInByte(codes.getElementType()) && !codes.getElementType().isInteger(8);
  RankedTensorType type = isNarrow ? codes.clone(rewriter.getI8Type()) : codes;
  Value destination = tensor::EmptyOp::create(rewriter, loc, type.getShape(), type.getElementType());
  auto contract = ContractOp::create(rewriter, loc, type, old.getLhs(), old.getLhsScales(), old.getLhsZeros(), old.getRhs(),
                                     old.getRhsScales(), old.getRhsZeros(), destination, old.getEpilogueOperands(), old.getIndexingMaps(),
                                     old.getLhsSchemeAttr(), old.getRhsSchemeAttr());
  contract->setDiscardableAttrs(old->getDiscardableAttrDictionary());
  Region &epilogue = contract.getEpilogue();
  if (old.hasEpilogue()) {
    rewriter.inlineRegionBefore(old.getEpilogue(), epilogue, epilogue.end());
  } else {
    Block *body = rewriter.createBlock(&epilogue, {}, rewriter.getF32Type(), loc);
    YieldOp::create(rewriter, loc, body->getArgument(0));
  }
  auto yield = cast<YieldOp>(epilogue.front().getTerminator());
  rewriter.setInsertionPoint(yield);
  Value code = buildCode(rewriter, op, yield.getValue());
  if (isNarrow && op.getScheme().getFormat().isSigned())
    code = arith::ExtSIOp::create(rewriter, loc, rewriter.getI8Type(), code);
  else if (isNarrow)
    code = arith::ExtUIOp::create(rewriter, loc, rewriter.getI8Type(), code);
  rewriter.modifyOpInPlace(yield, [&] { yield->setOperands(code); });
  rewriter.setInsertionPoint(op);
  rewriter.replaceOp(op, buildNarrow(rewriter, loc, contract.getResult(), codes));
  rewriter.eraseOp(old);
}

namespace {
struct FuseQuantizePass final : impl::FuseQuantizePassBase<FuseQuantizePass> {
  void runOnOperation() override {
    IRRewriter rewriter(&getContext());
    SmallVector<QuantizeOp> ops;
    getOperation()->walk([&](QuantizeOp op) { ops.push_back(op); });
    for (QuantizeOp &op : ops)
      op = moveBeforeReshape(rewriter, moveBeforeBorder(rewriter, op));
    for (QuantizeOp op : ops)
      if (FailureOr<ContractOp> contract = findContract(op); succeeded(contract))
        fuse(rewriter, op, *contract);
  }
};
} // namespace
} // namespace mlir::lowbit
