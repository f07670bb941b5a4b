//===- ContractOp.cpp - verifier and structure of lowbit.contract ---------===//

#include "VerifyContract.h"
#include "VerifyScheme.h"
#include "lowbit/IR/CodeConstants.h"
#include "mlir/IR/PatternMatch.h"

namespace mlir::lowbit {

bool ContractOp::isInteger() {
  return getLhsScheme() && getRhsScheme() && getLhsScheme()->getFormat().isInteger() && getRhsScheme()->getFormat().isInteger();
}

Type ContractOp::getSumType() {
  if (hasEpilogue())
    return getEpilogue().front().getArgument(0).getType();
  Type element = getElementTypeOrSelf(getResult().getType());
  bool isRaw = !getLhsScales() && !getRhsScales() && isInteger();
  return isRaw ? element : Float32Type::get(getContext());
}

SmallVector<int64_t> ContractOp::getLoopSizes() {
  SmallVector<int64_t> sizes(getNumLoops(), ShapedType::kDynamic);
  Value operands[] = {getLhs(), getRhs(), getInit()};
  for (auto [i, operand] : llvm::enumerate(operands)) {
    ArrayRef<int64_t> shape = cast<RankedTensorType>(operand.getType()).getShape();
    for (auto [axis, expr] : llvm::enumerate(getMap(i).getResults()))
      if (auto dim = dyn_cast<AffineDimExpr>(expr); dim && axis < shape.size() && ShapedType::isDynamic(sizes[dim.getPosition()]))
        sizes[dim.getPosition()] = shape[axis];
  }
  return sizes;
}

SmallVector<utils::IteratorType> ContractOp::getIteratorTypes() {
  SmallVector<utils::IteratorType> types(getNumLoops(), utils::IteratorType::reduction);
  for (AffineExpr expr : getResultMap().getResults())
    if (auto dim = dyn_cast<AffineDimExpr>(expr))
      types[dim.getPosition()] = utils::IteratorType::parallel;
  return types;
}

static LogicalResult verifySide(ContractOp op, StringRef side, Value codes, Value scales, Value zeros, SchemeAttr scheme) {
  if (!scheme) {
    if (scales || zeros)
      return op.emitOpError() << "(C3) " << side << " has " << (scales ? "scales" : "zero points")
                              << " but no scheme; add `<format, …>` after them";
    if (!isa<FloatType>(getElementTypeOrSelf(codes.getType())))
      return op.emitOpError() << "(C3) " << side << " has no scheme and element type " << getElementTypeOrSelf(codes.getType())
                              << "; expected a float, or a scheme";
    return success();
  }
  if (failed(verifyCodeType(op, "C2", (side + " codes").str(), codes, scheme.getFormat())))
    return failure();
  if (zeros && !scales)
    return failed(verifyZeros(op, "C2", zeros, zeros, scheme))
               ? failure()
               : verifyScaleShape(op, "C2", (side + " zero point").str(), zeros, cast<RankedTensorType>(codes.getType()).getShape(),
                                  scheme);
  if (!scales)
    return scheme.getZero() ? op.emitOpError() << "(C2) the scheme has zero points of type " << scheme.getZero()
                                               << ", but there is no operand for them (" << side << ")"
                            : success();
  if (failed(verifyScaleShape(op, "C2", (side + " scale").str(), scales, cast<RankedTensorType>(codes.getType()).getShape(), scheme)) ||
      failed(verifyScaleType(op, "C2", scales, scheme)) || failed(verifyZeros(op, "C2", zeros, scales, scheme)))
    return failure();
  return verifyScaleValues(op, scales);
}

/// (C4) along every reduction the blocks of the two sides nest.
static LogicalResult verifyReductionBlocks(ContractOp op) {
  SmallVector<utils::IteratorType> iterators = op.getIteratorTypes();
  auto getBlock = [&](AffineMap map, SchemeAttr scheme, unsigned loop) -> int64_t {
    if (!scheme || scheme.isPerTensor())
      return 0;
    for (auto [axis, expr] : llvm::enumerate(map.getResults()))
      if (expr == getAffineDimExpr(loop, op.getContext()))
        return scheme.getBlock()[axis];
    return 0;
  };
  for (auto [loop, iterator] : llvm::enumerate(iterators)) {
    if (iterator != utils::IteratorType::reduction)
      continue;
    int64_t lhs = getBlock(op.getLhsMap(), op.getLhsSchemeAttr(), loop), rhs = getBlock(op.getRhsMap(), op.getRhsSchemeAttr(), loop);
    if (lhs != 0 && rhs != 0 && lhs % rhs != 0 && rhs % lhs != 0)
      return op.emitOpError() << "(C4) blocks of " << lhs << " and " << rhs << " along reduction d" << loop
                              << " do not nest; expected one to divide the other";
  }
  return success();
}

LogicalResult ContractOp::verify() {
  if (failed(verifyContractMaps(*this)) || failed(verifySide(*this, "lhs", getLhs(), getLhsScales(), getLhsZeros(), getLhsSchemeAttr())) ||
      failed(verifySide(*this, "rhs", getRhs(), getRhsScales(), getRhsZeros(), getRhsSchemeAttr())) || failed(verifyReductionBlocks(*this)))
    return failure();
  if (getInit().getType() != getResult().getType())
    return emitOpError() << "(C1) result type " << getResult().getType() << " differs from the destination's type " << getInit().getType();
  if (hasEpilogue() && getEpilogue().front().getNumArguments() == 0)
    return emitOpError("(C6) the epilogue takes no values; expected the sum and one for each operand");
  return verifyConstantOperands(*this);
}

LogicalResult ContractOp::verifyRegions() {
  Type sum = getSumType();
  bool hasScales = getLhsScales() || getRhsScales();
  bool isIntegerSum = sum.isInteger(32) || sum.isInteger(64);
  if (!hasScales && isInteger() && !isIntegerSum)
    return emitOpError() << "(C5) without scales the sum is an integer, but " << (hasEpilogue() ? "the epilogue takes " : "the result is ")
                         << sum << "; expected i32 or i64, or give scales";
  if ((hasScales || !isInteger()) && !sum.isF32())
    return emitOpError() << "(C5) the sum is f32, but the epilogue takes " << sum;
  Type element = getElementTypeOrSelf(getResult().getType());
  if (!hasEpilogue()) {
    if (!isIntegerSum && !isa<FloatType>(element))
      return emitOpError() << "(C6) the result has element type " << element << " without an epilogue that makes it; expected a float";
    return success();
  }
  Block &body = getEpilogue().front();
  if (body.getNumArguments() != 1 + getEpilogueOperands().size())
    return emitOpError() << "(C6) the epilogue takes " << body.getNumArguments() << " values; expected " << 1 + getEpilogueOperands().size()
                         << ", the sum and one for each operand";
  for (auto [argument, operand] : llvm::zip(body.getArguments().drop_front(), getEpilogueOperands()))
    if (argument.getType() != getElementTypeOrSelf(operand.getType()))
      return emitOpError() << "(C6) epilogue argument " << argument.getArgNumber() << " has type " << argument.getType() << "; expected "
                           << getElementTypeOrSelf(operand.getType());
  auto yield = cast<YieldOp>(body.getTerminator());
  auto code = dyn_cast<CodeType>(element);
  if (!yield.getValue() || yield.getValue().getType() != (code ? code.getFormat().getStorageType() : element)) {
    InFlightDiagnostic diagnostic = yield.emitOpError() << "(C6) yields ";
    if (yield.getValue())
      diagnostic << yield.getValue().getType();
    else
      diagnostic << "nothing";
    if (code)
      return diagnostic << "; expected " << code.getFormat().getStorageType() << ", which stores the result's element type " << element;
    return diagnostic << "; expected the result's element type " << element;
  }
  return success();
}

namespace {
/// An epilogue operand whose element the body does not read is dropped.
struct DropUnusedEpilogueOperand final : OpRewritePattern<ContractOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(ContractOp op, PatternRewriter &rewriter) const override {
    if (!op.hasEpilogue())
      return rewriter.notifyMatchFailure(op, "no epilogue");
    Block &body = op.getEpilogue().front();
    for (unsigned i = 0; i < op.getEpilogueOperands().size(); ++i) {
      if (!body.getArgument(1 + i).use_empty())
        continue;
      SmallVector<Attribute> maps(op.getIndexingMaps().getValue());
      maps.erase(maps.begin() + 3 + i);
      rewriter.modifyOpInPlace(op, [&] {
        body.eraseArgument(1 + i);
        op.getEpilogueOperandsMutable().erase(i);
        op.setIndexingMapsAttr(rewriter.getArrayAttr(maps));
      });
      return success();
    }
    return rewriter.notifyMatchFailure(op, "every epilogue operand is read");
  }
};
} // namespace

void ContractOp::getCanonicalizationPatterns(RewritePatternSet &results, MLIRContext *context) {
  results.add<DropUnusedEpilogueOperand>(context);
}

} // namespace mlir::lowbit
