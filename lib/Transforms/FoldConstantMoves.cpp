//===- FoldConstantMoves.cpp - moved constants become constants -----------===//
//
// Invariant: bytes are moved, never read as numbers.
//
//===----------------------------------------------------------------------===//

#include "lowbit/Transforms/FoldConstantMoves.h"
#include "lowbit/Transforms/Constants.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

namespace mlir::lowbit {
namespace {

/// The raw bytes of a constant with whole bytes an element; empty when there are none, or not as many as the type needs.
ArrayRef<char> getRawBytes(ElementsAttr elements) {
  Type element = elements.getElementType();
  if (!element.isIntOrFloat() || element.getIntOrFloatBitWidth() % 8 != 0)
    return {};
  size_t expected = elements.getNumElements() * (element.getIntOrFloatBitWidth() / 8);
  ArrayRef<char> bytes;
  if (auto resource = dyn_cast<DenseResourceElementsAttr>(elements)) {
    if (AsmResourceBlob *blob = resource.getRawHandle().getBlob())
      bytes = blob->getData();
  } else if (auto dense = dyn_cast<DenseElementsAttr>(elements)) {
    bytes = dense.getRawData();
  }
  return bytes.size() == expected ? bytes : ArrayRef<char>();
}

/// Element (i, j, …) of the result is the input's element at the index that `permutation` permutes: result axis a is input axis
/// permutation[a].
ElementsAttr transpose(ElementsAttr elements, ArrayRef<int64_t> permutation, RankedTensorType type) {
  if (elements.isSplat())
    if (auto dense = dyn_cast<DenseElementsAttr>(elements))
      return dense.resizeSplat(type);
  ArrayRef<char> from = getRawBytes(elements);
  if (from.empty())
    return {};
  int64_t rank = type.getRank(), width = type.getElementTypeBitWidth() / 8;
  ArrayRef<int64_t> inputShape = elements.getShapedType().getShape();
  SmallVector<int64_t> inputStrides(rank, 1), strides, index(rank, 0);
  for (int64_t axis = rank - 1; axis > 0; --axis)
    inputStrides[axis - 1] = inputStrides[axis] * inputShape[axis];
  for (int64_t axis : permutation)
    strides.push_back(inputStrides[axis]);
  std::vector<char> to(from.size());
  for (int64_t flat = 0, source = 0; flat < type.getNumElements(); ++flat) {
    std::memcpy(&to[flat * width], &from[source * width], width);
    for (int64_t axis = rank - 1; axis >= 0; --axis) {
      source += strides[axis];
      if (++index[axis] < type.getDimSize(axis))
        break;
      source -= strides[axis] * index[axis];
      index[axis] = 0;
    }
  }
  return buildElements(type, to, getResourceKey(elements, "transposed"));
}

/// Replaces `op` by the constant `elements`, at the place of the constant `input`, whose location names it.
LogicalResult replaceByConstant(Operation *op, Value input, ElementsAttr elements, PatternRewriter &rewriter) {
  if (!elements)
    return rewriter.notifyMatchFailure(op, "the constant's bytes cannot be read");
  rewriter.setInsertionPoint(op);
  Value constant = arith::ConstantOp::create(rewriter, input.getLoc(), elements);
  rewriter.replaceOp(op, constant);
  return success();
}

struct FoldTranspose final : OpRewritePattern<linalg::TransposeOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(linalg::TransposeOp op, PatternRewriter &rewriter) const override {
    ElementsAttr input = getConstantElements(op.getInput());
    if (!input || op->getNumResults() != 1)
      return rewriter.notifyMatchFailure(op, "does not transpose a constant tensor");
    return replaceByConstant(op, op.getInput(), transpose(input, op.getPermutation(), cast<RankedTensorType>(op->getResultTypes()[0])),
                             rewriter);
  }
};

/// A generic that yields the element of its one constant input, at permuted indices.
struct FoldPermutingCopy final : OpRewritePattern<linalg::GenericOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(linalg::GenericOp op, PatternRewriter &rewriter) const override {
    if (op.getNumDpsInputs() != 1 || op->getNumResults() != 1 || op.getBody()->getTerminator()->getOperand(0) != op.getRegionInputArgs()[0])
      return rewriter.notifyMatchFailure(op, "not a copy");
    ElementsAttr input = getConstantElements(op.getDpsInputs()[0]);
    AffineMap from = op.getIndexingMapsArray()[0], to = op.getIndexingMapsArray()[1];
    auto type = cast<RankedTensorType>(op->getResultTypes()[0]);
    if (!input || !from.isPermutation() || !to.isPermutation() || input.getElementType() != type.getElementType())
      return rewriter.notifyMatchFailure(op, "does not permute the axes of a constant");
    // Input axis i is result axis position(i); the result's axes therefore are the inverse.
    AffineMap map = inversePermutation(from.compose(inversePermutation(to)));
    SmallVector<int64_t> permutation;
    for (AffineExpr expr : map.getResults())
      permutation.push_back(cast<AffineDimExpr>(expr).getPosition());
    return replaceByConstant(op, op.getDpsInputs()[0], transpose(input, permutation, type), rewriter);
  }
};

template <typename OpT> struct FoldReshape final : OpRewritePattern<OpT> {
  using OpRewritePattern<OpT>::OpRewritePattern;
  LogicalResult matchAndRewrite(OpT op, PatternRewriter &rewriter) const override {
    ElementsAttr input = getConstantElements(op.getSrc());
    auto type = cast<RankedTensorType>(op.getResult().getType());
    if (!input || !type.hasStaticShape())
      return rewriter.notifyMatchFailure(op, "does not reshape a constant to a static shape");
    ElementsAttr reshaped;
    if (auto resource = dyn_cast<DenseResourceElementsAttr>(input))
      reshaped = DenseResourceElementsAttr::get(type, resource.getRawHandle());
    else if (auto dense = dyn_cast<DenseElementsAttr>(input))
      reshaped = dense.reshape(type);
    return replaceByConstant(op, op.getSrc(), reshaped, rewriter);
  }
};
} // namespace

void populateFoldConstantMovesPatterns(RewritePatternSet &patterns) {
  patterns.add<FoldTranspose, FoldPermutingCopy, FoldReshape<tensor::ExpandShapeOp>, FoldReshape<tensor::CollapseShapeOp>>(
      patterns.getContext());
}

} // namespace mlir::lowbit
