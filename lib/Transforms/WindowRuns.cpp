//===- WindowRuns.cpp - rows of windows as channels -----------------------===//
// Law: every product of the convolution is one of the other, whose further products are with weights of zero.

#include "WindowRuns.h"
#include "lowbit/Packings/HostPacking.h"
#include "lowbit/Transforms/WindowView.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "llvm/Support/MathExtras.h"

namespace mlir::lowbit {

namespace {
/// The innermost loops of a convolution over an image with its channels last.
struct Run {
  unsigned place, tap, channel; ///< Loops along a row of the image: of the result, of the window, and of the channels.
  int64_t step;                 ///< From one place to the next, in elements of that row.
  int64_t size, padded;         ///< Bytes of a row of the window: all of them, and as dot products take them.
  unsigned rhsAxis;             ///< The axis of `tap` in the right codes; that of `channel` is the next one.
};

} // namespace

static bool isOnlyIn(AffineMap map, unsigned loop, unsigned result) {
  for (auto [i, expr] : llvm::enumerate(map.getResults()))
    if (expr.isFunctionOfDim(loop) != (i == result))
      return false;
  return true;
}

static std::optional<Run> findRun(ContractOp op, int64_t depth) {
  AffineMap lhs = op.getLhsMap(), rhs = op.getRhsMap();
  unsigned rank = lhs.getNumResults(), numLoops = op.getNumLoops();
  if (rank < 2)
    return std::nullopt;
  auto channel = dyn_cast<AffineDimExpr>(lhs.getResults().back());
  if (!channel || !isOnlyIn(lhs, channel.getPosition(), rank - 1) || op.getResultMap().isFunctionOfDim(channel.getPosition()) ||
      !rhs.isProjectedPermutation())
    return std::nullopt;
  SmallVector<int64_t> sizes = op.getLoopSizes();
  AffineExpr along = lhs.getResult(rank - 2), zero = getAffineConstantExpr(0, op.getContext()),
             one = getAffineConstantExpr(1, op.getContext());
  std::optional<unsigned> place, tap;
  for (unsigned loop = 0; loop < numLoops; ++loop) {
    if (!along.isFunctionOfDim(loop))
      continue;
    std::optional<unsigned> &found = op.getResultMap().isFunctionOfDim(loop) ? place : tap;
    if (found || !isOnlyIn(lhs, loop, rank - 2))
      return std::nullopt;
    found = loop;
  }
  if (!place || !tap)
    return std::nullopt;
  AffineExpr p = getAffineDimExpr(*place, op.getContext()), t = getAffineDimExpr(*tap, op.getContext());
  auto step = dyn_cast<AffineConstantExpr>(simplifyAffineExpr(along.replace(t, zero).replace(p, one), numLoops, 0));
  if (!step || simplifyAffineExpr(along - p * step.getValue() - t, numLoops, 0) != zero)
    return std::nullopt;
  std::optional<unsigned> tapAxis = rhs.getResultPosition(t), channelAxis = rhs.getResultPosition(channel);
  int64_t channels = sizes[channel.getPosition()];
  if (!tapAxis || !channelAxis || *channelAxis != *tapAxis + 1 || channels != cast<ShapedType>(op.getLhs().getType()).getShape().back())
    return std::nullopt;
  int64_t size = sizes[*tap] * channels;
  return Run{*place, *tap, channel.getPosition(), step.getValue(), size, static_cast<int64_t>(llvm::alignTo(size, depth)), *tapAxis};
}

/// Whether the further products take less than copies of all windows do: a row of a window is copied twice where windows are no whole
/// number of dot products. Measured on Zen 5, microseconds before and after: windows 7 x 7 of 3 channels, 64 results, 374 and 300; 3 x 3 of
/// 3 channels, 128 results, 46.8 and 44.7; 256 results, 83.8 and 85.6. Rows of two dot products are loops too short: 5 x 5 of one channel,
/// 114 and 149.
static bool isWorthIt(ContractOp op, const Run &run, int64_t depth) {
  constexpr int64_t inACopy = 512, fewestDots = 3;
  int64_t columns = 1;
  for (auto [expr, size] : llvm::zip_equal(op.getRhsMap().getResults(), cast<ShapedType>(op.getRhs().getType()).getShape()))
    columns *= op.getResultMap().getResultPosition(expr) ? size : 1;
  return run.padded >= fewestDots * depth && (run.padded - run.size) * columns <= inACopy;
}

/// What `value` is, if it is an image with the same code all around it, but for its channels.
static Bordered getBordered(OpBuilder &builder, Value value) {
  int64_t rank = cast<RankedTensorType>(value.getType()).getRank();
  auto pad = value.getDefiningOp<tensor::PadOp>();
  Value border = pad ? pad.getConstantPaddingValue() : Value();
  if (border && pad.getSourceType().hasStaticShape()) {
    Bordered result{pad.getSource(), border, llvm::to_vector(pad.getStaticLow()), llvm::to_vector(pad.getStaticHigh())};
    bool isKnown = llvm::all_of(llvm::concat<int64_t>(result.low, result.high), [](int64_t size) { return size >= 0; });
    if (isKnown && result.low.back() == 0 && result.high.back() == 0)
      return result;
  }
  border = arith::ConstantOp::create(builder, value.getLoc(), builder.getZeroAttr(getElementTypeOrSelf(value.getType())));
  return {value, border, SmallVector<int64_t>(rank, 0), SmallVector<int64_t>(rank, 0)};
}

/// For each place along a row of the image, the bytes of its window; rows of the border are put around afterwards.
static Value buildRuns(OpBuilder &builder, ContractOp op, const Run &run) {
  Location loc = op.getLoc();
  auto [image, border, low, high] = getBordered(builder, op.getLhs());
  auto type = cast<RankedTensorType>(image.getType());
  int64_t rank = type.getRank(), channels = type.getShape().back(), places = op.getLoopSizes()[run.place];
  SmallVector<ReassociationIndices> groups;
  for (int64_t axis = 0; axis + 1 < rank; ++axis)
    groups.push_back({axis});
  groups.back().push_back(rank - 1);
  image = collapseAxes(builder, image, groups);
  type = cast<RankedTensorType>(image.getType());

  // The last window may reach beyond the row, to where weights are zero.
  SmallVector<int64_t> before(rank - 1, 0), after(rank - 1, 0);
  before.back() = low[rank - 2] * channels;
  int64_t end = (places - 1) * run.step * channels + run.padded, present = before.back() + type.getShape().back();
  after.back() = std::max(high[rank - 2] * channels, end - present);
  image = buildPad(builder, loc, image, before, after, border);

  SmallVector<int64_t> shape(type.getShape().drop_back());
  SmallVector<AffineExpr> exprs;
  for (int64_t axis = 0; axis + 2 < rank; ++axis)
    exprs.push_back(builder.getAffineDimExpr(axis));
  exprs.push_back(builder.getAffineDimExpr(rank - 2) * (run.step * channels) + builder.getAffineDimExpr(rank - 1));
  shape.append({places, run.padded});
  SmallVector<AffineMap> maps{AffineMap::get(rank, 0, exprs, builder.getContext()), builder.getMultiDimIdentityMap(rank)};
  SmallVector<utils::IteratorType> iterators(rank, utils::IteratorType::parallel);
  Value empty = tensor::EmptyOp::create(builder, loc, shape, type.getElementType());
  auto copy =
      linalg::GenericOp::create(builder, loc, empty.getType(), image, empty, maps, iterators,
                                [](OpBuilder &b, Location at, ValueRange elements) { linalg::YieldOp::create(b, at, elements[0]); });
  low[rank - 2] = high[rank - 2] = 0;
  return buildPad(builder, loc, copy.getResult(0), low, high, border);
}

/// The right codes with the axes of a row of the window as one, zeros behind.
static Value buildWeights(OpBuilder &builder, ContractOp op, const Run &run, ArrayRef<char> codes) {
  auto type = cast<RankedTensorType>(op.getRhs().getType());
  SmallVector<int64_t> shape(type.getShape());
  int64_t outer = ShapedType::getNumElements(ArrayRef(shape).take_front(run.rhsAxis)),
          inner = ShapedType::getNumElements(ArrayRef(shape).drop_front(run.rhsAxis + 2));
  shape.erase(shape.begin() + run.rhsAxis);
  shape[run.rhsAxis] = run.padded;
  std::vector<char> padded(outer * run.padded * inner, 0);
  for (int64_t i = 0; i < outer; ++i)
    std::copy_n(codes.begin() + i * run.size * inner, run.size * inner, padded.begin() + i * run.padded * inner);
  return arith::ConstantOp::create(builder, op.getLoc(), makeResource(type.clone(shape), "codes", padded));
}

/// `op` of the image and the weights above, which has a loop less.
static ContractOp rewrite(RewriterBase &rewriter, ContractOp op, const Run &run, ArrayRef<char> codes) {
  Location loc = op.getLoc();
  SmallVector<AffineExpr> dims;
  for (unsigned loop = 0, next = 0; loop < op.getNumLoops(); ++loop)
    dims.push_back(loop == run.tap ? rewriter.getAffineConstantExpr(0) : rewriter.getAffineDimExpr(next++));
  SmallVector<AffineMap> maps;
  for (AffineMap map : op.getIndexingMaps().getAsValueRange<AffineMapAttr>())
    maps.push_back(map.replaceDimsAndSymbols(dims, {}, op.getNumLoops() - 1, 0));
  SmallVector<AffineExpr> lhs(maps[0].getResults());
  lhs[lhs.size() - 2] = dims[run.place];
  maps[0] = AffineMap::get(op.getNumLoops() - 1, 0, lhs, rewriter.getContext());
  maps[1] = maps[1].dropResult(run.rhsAxis);

  SmallVector<ReassociationIndices> groups;
  for (int64_t axis = 0, rank = op.getRhsMap().getNumResults(); axis < rank; ++axis) {
    if (axis == run.rhsAxis + 1)
      groups.back().push_back(axis);
    else
      groups.push_back({axis});
  }
  Value scales = op.getRhsScales() ? collapseAxes(rewriter, op.getRhsScales(), groups) : Value();
  SchemeAttr scheme = op.getRhsSchemeAttr();
  if (DenseI64ArrayAttr block = scheme.getBlock(); block && !block.empty()) {
    SmallVector<int64_t> kept(block.asArrayRef());
    kept.erase(kept.begin() + run.rhsAxis);
    scheme = SchemeAttr::get(rewriter.getContext(), scheme.getFormat(), rewriter.getDenseI64ArrayAttr(kept), scheme.getScale(),
                             scheme.getZero(), scheme.getScaling());
  }
  auto built = ContractOp::create(rewriter, loc, op.getInit().getType(), buildRuns(rewriter, op, run), op.getLhsScales(), op.getLhsZeros(),
                                  buildWeights(rewriter, op, run, codes), scales, Value(), op.getInit(), op.getEpilogueOperands(),
                                  rewriter.getAffineMapArrayAttr(maps), op.getLhsSchemeAttr(), scheme);
  built->setDiscardableAttrs(op->getDiscardableAttrDictionary());
  rewriter.inlineRegionBefore(op.getEpilogue(), built.getEpilogue(), built.getEpilogue().end());
  rewriter.replaceOp(op, built.getResult());
  return built;
}

ContractOp gatherRuns(RewriterBase &rewriter, ContractOp op, QuantTargetAttrInterface target) {
  int64_t depth = target.getDotProduct().depth;
  bool areBytes = getElementTypeOrSelf(op.getLhs().getType()).isInteger(8) && getElementTypeOrSelf(op.getRhs().getType()).isInteger(8);
  if (!areBytes || op.getRhsZeros() || target.getTileProduct())
    return {};
  std::optional<Run> run = findRun(op, depth);
  if (!run || op.getLoopSizes()[run->channel] % depth == 0 || op.getLoopSizes()[run->tap] == 1 || !isWorthIt(op, *run, depth))
    return {};
  std::optional<std::vector<char>> codes = readCodes(op.getRhs());
  if (!codes)
    return {};
  rewriter.setInsertionPoint(op);
  return rewrite(rewriter, op, *run, *codes);
}

} // namespace mlir::lowbit
