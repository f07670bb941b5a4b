//===- UnfoldConvolutions.cpp - convolutions as products of windows -------===//
// Law: every product of the convolution is one of the matmul, and none besides; only the order of sums differs.

#include "SinkTransposes.h"
#include "lowbit/IR/Lowbit.h"
#include "lowbit/IR/Remarks.h"
#include "lowbit/Transforms/Passes.h"
#include "lowbit/Transforms/Sites.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Linalg/Transforms/Transforms.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

namespace mlir::lowbit {
#define GEN_PASS_DEF_UNFOLDCONVOLUTIONSPASS
#include "lowbit/Transforms/Passes.h.inc"

namespace {

/// Whether each iteration adds a product of its two inputs.
bool addsProducts(linalg::LinalgOp op) {
  Block *body = op.getBlock();
  if (op.getNumDpsInputs() != 2 || op.getNumDpsInits() != 1 || body->getOperations().size() != 3)
    return false;
  auto product = dyn_cast<arith::MulFOp>(body->front());
  auto sum = dyn_cast<arith::AddFOp>(*std::next(body->begin()));
  return product && sum && llvm::is_contained(sum->getOperands(), product.getResult()) &&
         llvm::is_contained(sum->getOperands(), body->getArgument(2));
}

/// All axes of `value` as two: the first `split` of them, and the others.
Value collapse(OpBuilder &builder, Location loc, Value value, int64_t split) {
  int64_t rank = cast<RankedTensorType>(value.getType()).getRank();
  SmallVector<ReassociationIndices> groups{llvm::to_vector<2>(llvm::seq<int64_t>(0, split)),
                                           llvm::to_vector<2>(llvm::seq<int64_t>(split, rank))};
  return rank == 2 ? value : tensor::CollapseShapeOp::create(builder, loc, value, groups).getResult();
}

class Convolution {
public:
  explicit Convolution(linalg::LinalgOp op) : op(op), sizes(op.getStaticLoopRanges()) {}

  /// Why it is no matmul of windows; empty when it is.
  StringRef sortLoops() {
    FailureOr<linalg::ConvolutionDimensions> dims = linalg::inferConvolutionDims(op);
    if (failed(dims))
      return "its loops are not those of a convolution";
    if (!dims->depth.empty() || dims->outputChannel.empty())
      return "its channels have windows of their own";
    if (llvm::is_contained(sizes, ShapedType::kDynamic))
      return "a loop has a dynamic size";
    for (AffineExpr expr : getMap(2).getResults())
      (llvm::is_contained(dims->outputChannel, getLoop(expr)) ? columns : rows).push_back(getLoop(expr));
    llvm::append_range(window, dims->filterLoop);
    llvm::append_range(window, dims->inputChannel);
    channels = llvm::to_vector(dims->inputChannel);
    return {};
  }

  /// Of the copy of the windows, once the loops are sorted.
  uint64_t getWindowBytes() const {
    uint64_t bytes = llvm::divideCeil(getElementTypeOrSelf(op->getOperand(0).getType()).getIntOrFloatBitWidth(), 8);
    for (ArrayRef<unsigned> part : {ArrayRef(rows), ArrayRef(window)})
      for (unsigned loop : part)
        bytes = llvm::SaturatingMultiply<uint64_t>(bytes, sizes[loop]);
    return bytes;
  }

  Value rewrite(RewriterBase &rewriter) {
    Location loc = op.getLoc();
    Value windows = collapse(rewriter, loc, gather(rewriter), rows.size());
    Value filter = collapse(rewriter, loc, permute(rewriter, op.getDpsInputs()[1], getOrder(getMap(1), window, columns)), window.size());
    int64_t m = cast<RankedTensorType>(windows.getType()).getDimSize(0), n = cast<RankedTensorType>(filter.getType()).getDimSize(1);
    Type element = getElementTypeOrSelf(windows.getType());
    Value empty = tensor::EmptyOp::create(rewriter, loc, {m, n}, element);
    Value zero = arith::ConstantOp::create(rewriter, loc, rewriter.getZeroAttr(element));
    Value zeros = linalg::FillOp::create(rewriter, loc, zero, empty).getResult(0);
    auto product = linalg::MatmulOp::create(rewriter, loc, zeros.getType(), ValueRange{windows, filter}, zeros);
    product->setDiscardableAttrs(op->getDiscardableAttrDictionary());
    Value sum = addStart(rewriter, product.getResult(0), empty);

    SmallVector<int64_t> order = getOrder(getMap(2), rows, columns), shape;
    for (ArrayRef<unsigned> part : {ArrayRef(rows), ArrayRef(columns)})
      for (unsigned loop : part)
        shape.push_back(sizes[loop]);
    auto type = RankedTensorType::get(shape, element);
    SmallVector<ReassociationIndices> groups{llvm::to_vector<2>(llvm::seq<int64_t>(0, rows.size())),
                                             llvm::to_vector<2>(llvm::seq<int64_t>(rows.size(), shape.size()))};
    Value result = shape.size() == 2 ? sum : tensor::ExpandShapeOp::create(rewriter, loc, type, sum, groups).getResult();
    return permute(rewriter, result, invertPermutationVector(order));
  }

private:
  static unsigned getLoop(AffineExpr expr) { return cast<AffineDimExpr>(expr).getPosition(); }
  AffineMap getMap(unsigned operand) { return op.getIndexingMapsArray()[operand]; }

  /// The axes of `map` by the loops of `first`, then those of `second`.
  static SmallVector<int64_t> getOrder(AffineMap map, ArrayRef<unsigned> first, ArrayRef<unsigned> second) {
    SmallVector<int64_t> order;
    for (ArrayRef<unsigned> part : {first, second})
      for (unsigned loop : part)
        order.push_back(*map.getResultPosition(getAffineDimExpr(loop, map.getContext())));
    return order;
  }

  /// The image, channels last, as its windows: [rows, window].
  Value gather(OpBuilder &builder) {
    AffineMap map = getMap(0);
    auto hasChannels = [&](int64_t axis) {
      return llvm::any_of(channels, [&](unsigned loop) { return map.getResult(axis).isFunctionOfDim(loop); });
    };
    SmallVector<int64_t> order = llvm::to_vector(llvm::seq<int64_t>(0, map.getNumResults()));
    llvm::stable_sort(order, [&](int64_t a, int64_t b) { return hasChannels(a) < hasChannels(b); });
    Value image = permute(builder, op.getDpsInputs()[0], order);

    SmallVector<AffineExpr> dims(sizes.size());
    SmallVector<int64_t> shape;
    for (ArrayRef<unsigned> part : {ArrayRef(rows), ArrayRef(window)})
      for (unsigned loop : part) {
        dims[loop] = builder.getAffineDimExpr(shape.size());
        shape.push_back(sizes[loop]);
      }
    for (AffineExpr &dim : dims)
      if (!dim) // a loop over channels of the result
        dim = builder.getAffineConstantExpr(0);
    AffineMap read = AffineMap::get(map.getNumDims(), 0, applyPermutation(map.getResults(), order), map.getContext())
                         .replaceDimsAndSymbols(dims, {}, shape.size(), 0);
    Value empty = tensor::EmptyOp::create(builder, op.getLoc(), shape, getElementTypeOrSelf(image.getType()));
    SmallVector<AffineMap> maps{read, builder.getMultiDimIdentityMap(shape.size())};
    SmallVector<utils::IteratorType> iterators(shape.size(), utils::IteratorType::parallel);
    return linalg::GenericOp::create(builder, op.getLoc(), empty.getType(), image, empty, maps, iterators,
                                     [](OpBuilder &b, Location loc, ValueRange args) { linalg::YieldOp::create(b, loc, args[0]); })
        .getResult(0);
  }

  /// `product` [rows, columns] and what the convolution starts from: often one number for each column.
  Value addStart(OpBuilder &builder, Value product, Value empty) {
    Location loc = op.getLoc();
    Value start = op.getDpsInits()[0];
    AffineMap identity = builder.getMultiDimIdentityMap(2), read = identity;
    auto broadcast = start.getDefiningOp<linalg::BroadcastOp>();
    bool isPerColumn =
        broadcast && columns.size() == 1 && cast<RankedTensorType>(broadcast.getInput().getType()).getRank() == 1 &&
        !llvm::is_contained(broadcast.getDimensions(), *getMap(2).getResultPosition(getAffineDimExpr(columns[0], op.getContext())));
    if (isPerColumn) {
      start = broadcast.getInput();
      read = AffineMap::get(2, 0, builder.getAffineDimExpr(1));
    } else {
      start = collapse(builder, loc, permute(builder, start, getOrder(getMap(2), rows, columns)), rows.size());
    }
    SmallVector<utils::IteratorType> iterators(2, utils::IteratorType::parallel);
    return linalg::GenericOp::create(builder, loc, empty.getType(), ValueRange{product, start}, empty, ArrayRef{identity, read, identity},
                                     iterators,
                                     [](OpBuilder &b, Location at, ValueRange args) {
                                       linalg::YieldOp::create(b, at, arith::AddFOp::create(b, at, args[0], args[1]).getResult());
                                     })
        .getResult(0);
  }

  linalg::LinalgOp op;
  SmallVector<int64_t> sizes;
  SmallVector<unsigned> rows, columns, window, channels;
};

struct UnfoldConvolutionsPass final : impl::UnfoldConvolutionsPassBase<UnfoldConvolutionsPass> {
  using UnfoldConvolutionsPassBase::UnfoldConvolutionsPassBase;

  void runOnOperation() override {
    SmallVector<linalg::LinalgOp> convolutions;
    getOperation()->walk([&](linalg::LinalgOp op) {
      if (linalg::isaConvolutionOpInterface(op) && op.hasPureTensorSemantics() && addsProducts(op) &&
          llvm::all_of(op->getOperandTypes(), [](Type type) { return isa<FloatType>(getElementTypeOrSelf(type)); }))
        convolutions.push_back(op);
    });
    IRRewriter rewriter(&getContext());
    bool isAnyUnfolded = false;
    for (linalg::LinalgOp op : convolutions) {
      Convolution convolution(op);
      std::string why = convolution.sortLoops().str();
      if (why.empty())
        why = getObstacle(op, convolution);
      if (!why.empty()) {
        refuse(op, why);
        continue;
      }
      rewriter.setInsertionPoint(op);
      rewriter.replaceOp(op, convolution.rewrite(rewriter));
      isAnyUnfolded = true;
    }
    if (!isAnyUnfolded)
      return;
    RewritePatternSet patterns(&getContext());
    populateSinkTransposesPatterns(patterns);
    if (kernels)
      linalg::populateFoldReshapeOpsByCollapsingPatterns(patterns, isElementwiseOfExpanded);
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      signalPassFailure();
  }

private:
  /// What follows a product in its own shape joins its epilogue.
  static bool isElementwiseOfExpanded(OpOperand *operand) {
    auto expand = operand->get().getDefiningOp<tensor::ExpandShapeOp>();
    auto op = dyn_cast<linalg::GenericOp>(operand->getOwner());
    return expand && op && expand->hasOneUse() && op.getNumReductionLoops() == 0 && op.getMatchingIndexingMap(operand).isIdentity();
  }

  /// What the options leave out.
  std::string getObstacle(linalg::LinalgOp op, const Convolution &convolution) const {
    if (kernels && op->hasAttr(kExactAttr))
      return "its sums have the order of its loops (`lowbit.exact`)";
    if (kernels && !llvm::all_of(op->getOperandTypes(), [](Type type) { return getElementTypeOrSelf(type).isF32(); }))
      return "no kernel multiplies its floats; expected f32";
    uint64_t bytes = convolution.getWindowBytes();
    if (mostBytes != 0 && bytes > static_cast<uint64_t>(mostBytes))
      return "its windows take " + std::to_string(bytes) + " bytes; expected at most " + std::to_string(mostBytes);
    return "";
  }

  static void refuse(linalg::LinalgOp op, StringRef why) {
    remark::missed(op.getLoc(), getRemarkOptions("unfold-convolutions", op)) << remark::reason("{0}", why);
  }
};
} // namespace
} // namespace mlir::lowbit
