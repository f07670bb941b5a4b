//===- SinkTransposes.cpp - transpositions after what they need not precede ===//
// Law: op(transpose(x)) == transpose(op'(x)), where op' has the axes of its operands, and of what it says of them, in x's order.

#include "SinkTransposes.h"
#include "lowbit/IR/Lowbit.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Utils/IndexingUtils.h"

namespace mlir::lowbit {

Value permute(OpBuilder &builder, Value value, ArrayRef<int64_t> order) {
  auto type = cast<RankedTensorType>(value.getType());
  if (llvm::is_sorted(order))
    return value;
  Value empty = tensor::EmptyOp::create(builder, value.getLoc(), applyPermutation(type.getShape(), order), type.getElementType());
  return linalg::TransposeOp::create(builder, value.getLoc(), value, empty, order)->getResult(0);
}

namespace {

/// The transposition that alone makes `value`; null where its sizes are dynamic.
linalg::TransposeOp getTranspose(Value value) {
  auto transpose = value.getDefiningOp<linalg::TransposeOp>();
  return transpose && cast<RankedTensorType>(value.getType()).hasStaticShape() ? transpose : linalg::TransposeOp();
}

struct SinkThroughElementwise final : OpRewritePattern<linalg::GenericOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(linalg::GenericOp op, PatternRewriter &rewriter) const override {
    if (op.getNumResults() != 1 || op.getNumReductionLoops() != 0 || op.hasIndexSemantics() || !op.hasPureTensorSemantics())
      return rewriter.notifyMatchFailure(op, "it is not elementwise");
    OpOperand *init = op.getDpsInitOperand(0);
    if (!op.getMatchingIndexingMap(init).isIdentity() || !op.getMatchingBlockArgument(init).use_empty())
      return rewriter.notifyMatchFailure(op, "it reads what it writes, or not in order");
    linalg::TransposeOp first;
    SmallVector<Value> inputs;
    for (OpOperand *input : op.getDpsInputOperands()) {
      inputs.push_back(input->get());
      if (static_cast<int64_t>(op.getMatchingIndexingMap(input).getNumResults()) < op.getNumLoops())
        continue;
      linalg::TransposeOp transpose = getTranspose(input->get());
      if (!transpose || !op.getMatchingIndexingMap(input).isIdentity() || (first && first.getPermutation() != transpose.getPermutation()))
        return rewriter.notifyMatchFailure(op, "its operands are not transposed alike");
      first = transpose;
      inputs.back() = transpose.getInput();
    }
    if (!first)
      return rewriter.notifyMatchFailure(op, "no operand is transposed");

    // Loop i ran along axis i of the transposed operands, which is axis order[i] of what is transposed.
    ArrayRef<int64_t> order = first.getPermutation();
    SmallVector<AffineExpr> dims;
    for (int64_t axis : order)
      dims.push_back(rewriter.getAffineDimExpr(axis));
    SmallVector<AffineMap> maps;
    for (OpOperand *input : op.getDpsInputOperands()) {
      AffineMap map = op.getMatchingIndexingMap(input);
      bool isWhole = static_cast<int64_t>(map.getNumResults()) == op.getNumLoops();
      maps.push_back(isWhole ? map : map.replaceDimsAndSymbols(dims, {}, map.getNumDims(), 0));
    }
    maps.push_back(rewriter.getMultiDimIdentityMap(order.size()));
    auto type = cast<RankedTensorType>(op.getResult(0).getType());
    Value empty = tensor::EmptyOp::create(rewriter, op.getLoc(), applyPermutation(type.getShape(), invertPermutationVector(order)),
                                          type.getElementType());
    auto moved = linalg::GenericOp::create(rewriter, op.getLoc(), empty.getType(), inputs, empty, maps, op.getIteratorTypesArray());
    rewriter.inlineRegionBefore(op.getRegion(), moved.getRegion(), moved.getRegion().end());
    moved->setDiscardableAttrs(op->getDiscardableAttrDictionary());
    rewriter.replaceOp(op, permute(rewriter, moved.getResult(0), order));
    return success();
  }
};

struct SinkThroughPad final : OpRewritePattern<tensor::PadOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(tensor::PadOp op, PatternRewriter &rewriter) const override {
    linalg::TransposeOp transpose = getTranspose(op.getSource());
    Value padding = op.getConstantPaddingValue();
    if (!transpose || !padding || !op.getResultType().hasStaticShape())
      return rewriter.notifyMatchFailure(op, "nothing transposed is padded by a constant");
    ArrayRef<int64_t> order = transpose.getPermutation();
    SmallVector<int64_t> back = invertPermutationVector(order);
    auto type = op.getResultType().clone(applyPermutation(op.getResultType().getShape(), back));
    Value moved = tensor::PadOp::create(rewriter, op.getLoc(), type, transpose.getInput(), applyPermutation(op.getMixedLowPad(), back),
                                        applyPermutation(op.getMixedHighPad(), back), padding);
    rewriter.replaceOp(op, permute(rewriter, moved, order));
    return success();
  }
};

struct SinkThroughFakeQuant final : OpRewritePattern<FakeQuantOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(FakeQuantOp op, PatternRewriter &rewriter) const override {
    linalg::TransposeOp transpose = getTranspose(op.getInput());
    if (!transpose || !op.getScheme().isPerTensor())
      return rewriter.notifyMatchFailure(op, "nothing transposed has one scale");
    auto type = cast<RankedTensorType>(op.getType()).clone(cast<RankedTensorType>(transpose.getInput().getType()).getShape());
    Value moved = FakeQuantOp::create(rewriter, op.getLoc(), type, transpose.getInput(), op.getScales(), op.getZeros(), op.getScheme(),
                                      op.getEstimatorAttr());
    rewriter.replaceOp(op, permute(rewriter, moved, transpose.getPermutation()));
    return success();
  }
};

template <typename FromOp, typename ToOp> struct SinkThroughPooling final : OpRewritePattern<FromOp> {
  using OpRewritePattern<FromOp>::OpRewritePattern;
  LogicalResult matchAndRewrite(FromOp op, PatternRewriter &rewriter) const override {
    const SmallVector<int64_t> order{0, 3, 1, 2}, back{0, 2, 3, 1};
    linalg::TransposeOp transpose = getTranspose(op.getInputs()[0]);
    auto type = dyn_cast<RankedTensorType>(op->getResult(0).getType());
    if (!transpose || transpose.getPermutation() != ArrayRef(order) || !type || !type.hasStaticShape())
      return rewriter.notifyMatchFailure(op, "channels are not moved in front of it");
    Value start = op.getOutputs()[0];
    if (auto fill = start.template getDefiningOp<linalg::FillOp>()) {
      Value empty = tensor::EmptyOp::create(rewriter, op.getLoc(), applyPermutation(type.getShape(), back), type.getElementType());
      start = linalg::FillOp::create(rewriter, op.getLoc(), fill.getInputs()[0], empty).getResult(0);
    } else {
      start = permute(rewriter, start, back);
    }
    Value moved = ToOp::create(rewriter, op.getLoc(), start.getType(), ValueRange{transpose.getInput(), op.getInputs()[1]}, start,
                               op.getStridesAttr(), op.getDilationsAttr())
                      .getResult(0);
    rewriter.replaceOp(op, permute(rewriter, moved, order));
    return success();
  }
};
} // namespace

void populateSinkTransposesPatterns(RewritePatternSet &patterns) {
  MLIRContext *context = patterns.getContext();
  patterns.add<SinkThroughElementwise, SinkThroughPad, SinkThroughFakeQuant,
               SinkThroughPooling<linalg::PoolingNchwMaxOp, linalg::PoolingNhwcMaxOp>,
               SinkThroughPooling<linalg::PoolingNchwSumOp, linalg::PoolingNhwcSumOp>>(context);
  linalg::TransposeOp::getCanonicalizationPatterns(patterns, context);
}

} // namespace mlir::lowbit
