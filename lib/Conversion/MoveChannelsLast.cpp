//===- MoveChannelsLast.cpp - convolutions with their channels last -------===//
// Law: axes change their order, elements do not; the loops of a convolution stay what they are.

#include "lowbit/Conversion/Passes.h"
#include "lowbit/Targets/Resolve.h"
#include "lowbit/Transforms/FoldConstantMoves.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

namespace mlir::lowbit {
#define GEN_PASS_DEF_MOVECHANNELSLASTPASS
#include "lowbit/Conversion/Passes.h.inc"

namespace {
using Order = SmallVector<int64_t>;

bool isIdentity(ArrayRef<int64_t> order) { return llvm::is_sorted(order); }

/// The axes of `map` by `rank` of their expressions, otherwise as they are.
Order sortAxes(AffineMap map, function_ref<int64_t(AffineExpr)> rank) {
  Order order = llvm::to_vector(llvm::seq<int64_t>(0, map.getNumResults()));
  llvm::sort(order, [&](int64_t a, int64_t b) { return std::pair(rank(map.getResult(a)), a) < std::pair(rank(map.getResult(b)), b); });
  return order;
}

/// Whether a tensor of `shape` is the same with its axes in `order`: those that move have one element.
bool isSame(ArrayRef<int64_t> shape, ArrayRef<int64_t> order) {
  Order moved;
  llvm::copy_if(order, std::back_inserter(moved), [&](int64_t axis) { return shape[axis] != 1; });
  return llvm::is_sorted(moved) && applyPermutation(shape, order) == shape;
}

AffineMap permute(AffineMap map, ArrayRef<int64_t> order) {
  return AffineMap::get(map.getNumDims(), 0, applyPermutation(map.getResults(), order), map.getContext());
}

Value buildTranspose(OpBuilder &builder, Location loc, Value value, ArrayRef<int64_t> order) {
  auto type = cast<RankedTensorType>(value.getType());
  Value empty = tensor::EmptyOp::create(builder, loc, applyPermutation(type.getShape(), order), type.getElementType());
  return linalg::TransposeOp::create(builder, loc, value, empty, order)->getResult(0);
}

/// `value` with its axes in `order`. What pads or quantizes the result of another transposition does so before it, so that the two meet.
Value permute(OpBuilder &builder, Value value, ArrayRef<int64_t> order) {
  auto type = cast<RankedTensorType>(value.getType());
  if (isSame(type.getShape(), order))
    return value;
  RankedTensorType permuted = type.clone(applyPermutation(type.getShape(), order));
  if (auto pad = value.getDefiningOp<tensor::PadOp>(); pad && pad.getConstantPaddingValue())
    return tensor::PadOp::create(builder, pad.getLoc(), permuted, permute(builder, pad.getSource(), order),
                                 applyPermutation(pad.getMixedLowPad(), order), applyPermutation(pad.getMixedHighPad(), order),
                                 pad.getConstantPaddingValue());
  auto quantize = value.getDefiningOp<QuantizeOp>();
  if (quantize && quantize.getScheme().isPerTensor() && quantize->hasOneUse() && quantize.getInput().getDefiningOp<linalg::TransposeOp>())
    return QuantizeOp::create(builder, quantize.getLoc(), permuted, permute(builder, quantize.getInput(), order), quantize.getScales(),
                              quantize.getZeros(), quantize.getScheme());
  return buildTranspose(builder, value.getLoc(), value, order);
}

/// The same for scales: most have one long axis, and need not move.
Value reshape(OpBuilder &builder, Value value, ArrayRef<int64_t> order) {
  auto type = cast<RankedTensorType>(value.getType());
  if (type.getRank() == 0)
    return value;
  Order moved;
  llvm::copy_if(order, std::back_inserter(moved), [&](int64_t axis) { return type.getDimSize(axis) != 1; });
  if (!llvm::is_sorted(moved))
    return permute(builder, value, order);
  SmallVector<ReassociationIndices> all{llvm::to_vector<2>(llvm::seq<int64_t>(0, type.getRank()))};
  Value flat = builder.createOrFold<tensor::CollapseShapeOp>(value.getLoc(), type.clone({type.getNumElements()}), value, all);
  return builder.createOrFold<tensor::ExpandShapeOp>(value.getLoc(), type.clone(applyPermutation(type.getShape(), order)), flat, all);
}

class Convolution {
public:
  explicit Convolution(ContractOp op) : op(op) {}

  /// Rewrites the convolution unless its channels are last already.
  void rewrite(RewriterBase &rewriter) {
    rewriter.setInsertionPoint(op);
    AffineMap resultMap = op.getResultMap(), lhsMap = op.getLhsMap(), rhsMap = op.getRhsMap();
    Order lhs = sortAxes(lhsMap, [&](AffineExpr expr) { return isa<AffineDimExpr>(expr) && usesAny(rhsMap, expr) ? 1 : 0; });
    Order result = sortAxes(resultMap, [&](AffineExpr expr) { return !usesAny(rhsMap, expr) ? 0 : usesAny(lhsMap, expr) ? 1 : 2; });
    Order rhs = getRhsOrder(lhsMap, rhsMap, resultMap);
    if (isIdentity(lhs) && isIdentity(result) && isIdentity(rhs))
      return;
    SmallVector<AffineMap> maps{permute(lhsMap, lhs), permute(rhsMap, rhs), permute(resultMap, result)};
    SmallVector<Value> operands;
    for (auto [i, operand] : llvm::enumerate(op.getEpilogueOperands())) {
      AffineMap map = op.getMap(3 + i);
      Order order = sortAxes(map, [&](AffineExpr expr) { return maps[2].getResultPosition(expr).value_or(0); });
      operands.push_back(mlir::lowbit::permute(rewriter, operand, order));
      maps.push_back(mlir::lowbit::permute(map, order));
    }
    auto type = cast<RankedTensorType>(op.getResult().getType());
    Value init = tensor::EmptyOp::create(rewriter, op.getLoc(), applyPermutation(type.getShape(), result), type.getElementType());
    auto permuted = [&](Value value, ArrayRef<int64_t> order) {
      bool hasAxes = value && cast<RankedTensorType>(value.getType()).getRank() != 0;
      return hasAxes ? mlir::lowbit::permute(rewriter, value, order) : value;
    };
    auto reshaped = [&](Value value, ArrayRef<int64_t> order) { return value ? reshape(rewriter, value, order) : value; };
    auto moved = ContractOp::create(rewriter, op.getLoc(), init.getType(), permuted(op.getLhs(), lhs), reshaped(op.getLhsScales(), lhs),
                                    reshaped(op.getLhsZeros(), lhs), permuted(op.getRhs(), rhs), reshaped(op.getRhsScales(), rhs),
                                    reshaped(op.getRhsZeros(), rhs), init, operands, rewriter.getAffineMapArrayAttr(maps),
                                    getScheme(op.getLhsSchemeAttr(), lhs), getScheme(op.getRhsSchemeAttr(), rhs));
    moved->setDiscardableAttrs(op->getDiscardableAttrDictionary());
    rewriter.inlineRegionBefore(op.getEpilogue(), moved.getEpilogue(), moved.getEpilogue().end());
    Value back = moved.getResult();
    if (!isIdentity(result))
      back = buildTranspose(rewriter, op.getLoc(), back, invertPermutationVector(result));
    rewriter.replaceOp(op, back);
  }

private:
  static bool usesAny(AffineMap map, AffineExpr expr) {
    for (unsigned loop = 0; loop < map.getNumDims(); ++loop)
      if (expr.isFunctionOfDim(loop) && map.isFunctionOfDim(loop))
        return true;
    return false;
  }

  /// Whether each channel of the result is one of the image with a window of its own.
  bool hasWindowPerChannel(ArrayRef<int64_t> axes, function_ref<bool(int64_t)> isReduced, function_ref<bool(int64_t)> isChannel) {
    ArrayRef<int64_t> shape = cast<RankedTensorType>(op.getRhs().getType()).getShape();
    auto isLong = [&](int64_t axis) { return shape[axis] != 1; };
    bool hasChannels = llvm::any_of(axes, [&](int64_t axis) { return isLong(axis) && !isReduced(axis) && isChannel(axis); });
    return hasChannels && llvm::all_of(axes, [&](int64_t axis) { return !isLong(axis) || isReduced(axis) != isChannel(axis); });
  }

  /// Windows of single channels: the places first. Else channels after the places of the window, where the two are neighbours; codes of
  /// less than a byte stay, since they are moved at run time.
  Order getRhsOrder(AffineMap lhsMap, AffineMap rhsMap, AffineMap resultMap) {
    Order order = llvm::to_vector(llvm::seq<int64_t>(0, rhsMap.getNumResults()));
    if (!getElementTypeOrSelf(op.getRhs().getType()).isInteger(8))
      return order;
    auto isReduced = [&](int64_t axis) { return !usesAny(resultMap, rhsMap.getResult(axis)); };
    auto isChannel = [&](int64_t axis) { return llvm::is_contained(lhsMap.getResults(), rhsMap.getResult(axis)); };
    if (hasWindowPerChannel(order, isReduced, isChannel)) {
      llvm::sort(order, [&](int64_t a, int64_t b) { return std::pair(!isReduced(a), a) < std::pair(!isReduced(b), b); });
      return order;
    }
    int64_t first = 0, rank = order.size();
    while (first < rank && !isReduced(first))
      ++first;
    int64_t end = first;
    while (end < rank && isReduced(end))
      ++end;
    llvm::sort(order.begin() + first, order.begin() + end,
               [&](int64_t a, int64_t b) { return std::pair(isChannel(a), a) < std::pair(isChannel(b), b); });
    return order;
  }

  static SchemeAttr getScheme(SchemeAttr scheme, ArrayRef<int64_t> order) {
    if (scheme.isPerTensor() || isIdentity(order))
      return scheme;
    auto block = DenseI64ArrayAttr::get(scheme.getContext(), applyPermutation(scheme.getBlock().asArrayRef(), order));
    return SchemeAttr::get(scheme.getContext(), scheme.getFormat(), block, scheme.getScale(), scheme.getZero(), scheme.getScaling());
  }

  ContractOp op;
};

struct MoveChannelsLastPass final : impl::MoveChannelsLastPassBase<MoveChannelsLastPass> {
  using MoveChannelsLastPassBase::MoveChannelsLastPassBase;

  void runOnOperation() override {
    FailureOr<QuantTargetAttrInterface> resolved = getPassTarget(getOperation(), target);
    if (failed(resolved))
      return signalPassFailure();
    if (resolved->getVectorBits() == 0 && !resolved->getGPU())
      return;
    SmallVector<ContractOp> convolutions;
    getOperation()->walk([&](ContractOp op) {
      bool isStatic = !llvm::is_contained(op.getLoopSizes(), ShapedType::kDynamic);
      if (op.isInteger() && isStatic && !op.getLhsMap().isProjectedPermutation())
        convolutions.push_back(op);
    });
    IRRewriter rewriter(&getContext());
    for (ContractOp op : convolutions)
      Convolution(op).rewrite(rewriter);

    // Transpositions meet and cancel, and those of constants are done now.
    RewritePatternSet patterns(&getContext());
    populateFoldConstantMovesPatterns(patterns);
    linalg::TransposeOp::getCanonicalizationPatterns(patterns, &getContext());
    tensor::PadOp::getCanonicalizationPatterns(patterns, &getContext());
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      signalPassFailure();
  }
};
} // namespace
} // namespace mlir::lowbit
