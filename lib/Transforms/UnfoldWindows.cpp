//===- UnfoldWindows.cpp - convolutions of codes as matmuls ----------------===//
// Law: every product of the convolution is one of the matmul, and none besides; sums of integers have no order, so no bit changes.

#include "lowbit/Packings/HostPacking.h"
#include "lowbit/Targets/Resolve.h"
#include "lowbit/Transforms/Constants.h"
#include "lowbit/Transforms/MatmulForm.h"
#include "lowbit/Transforms/Passes.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Remarks.h"
#include "mlir/Interfaces/FunctionInterfaces.h"

namespace mlir::lowbit {
#define GEN_PASS_DEF_UNFOLDWINDOWSPASS
#include "lowbit/Transforms/Passes.h.inc"

namespace {
using Groups = SmallVector<ReassociationIndices>;

ArrayRef<int64_t> getShape(Value value) { return cast<RankedTensorType>(value.getType()).getShape(); }

/// All axes up to `split`, and all others.
Groups makeGroups(int64_t split, int64_t rank) {
  return {llvm::to_vector<2>(llvm::seq<int64_t>(0, split)), llvm::to_vector<2>(llvm::seq<int64_t>(split, rank))};
}

/// A constant of another shape; null when it is of a kind that has no such.
ElementsAttr reshapeConstant(ElementsAttr elements, RankedTensorType type) {
  if (auto resource = dyn_cast_or_null<DenseResourceElementsAttr>(elements))
    return DenseResourceElementsAttr::get(type, resource.getRawHandle());
  if (auto text = dyn_cast_or_null<DenseStringElementsAttr>(elements))
    return cast<ElementsAttr>(DenseStringElementsAttr::get(type, text.getRawStringData()));
  if (auto dense = dyn_cast_or_null<DenseElementsAttr>(elements))
    return dense.reshape(type);
  return {};
}

/// `value` with the axes of each group as one. Constants stay constants.
Value collapse(OpBuilder &builder, Value value, const Groups &groups) {
  SmallVector<int64_t> shape;
  for (const ReassociationIndices &group : groups) {
    int64_t &size = shape.emplace_back(1);
    for (int64_t axis : group)
      size *= getShape(value)[axis];
  }
  auto type = cast<RankedTensorType>(value.getType()).clone(shape);
  if (type == value.getType())
    return value;
  if (ElementsAttr constant = reshapeConstant(getConstantElements(value), type))
    return arith::ConstantOp::create(builder, value.getLoc(), cast<TypedAttr>(constant));
  if (findUnpack(value))
    if (std::optional<std::vector<char>> codes = readCodes(value))
      return arith::ConstantOp::create(builder, value.getLoc(), makeResource(type, "codes", *codes));
  return builder.createOrFold<tensor::CollapseShapeOp>(value.getLoc(), type, value, groups);
}

/// A copy of one element of `source`, at the index `exprs`, to every index of `shape`.
struct Copy {
  Value source;
  SmallVector<int64_t> shape;
  SmallVector<AffineExpr> exprs;
};

/// Neighbours in a row of the window are neighbours in the row of the image: with their channels they are one run of bytes.
void mergeRun(OpBuilder &builder, Copy &copy) {
  int64_t rank = copy.exprs.size(), numLoops = copy.shape.size();
  if (rank < 2)
    return;
  AffineExpr channel = builder.getAffineDimExpr(numLoops - 1), step = builder.getAffineDimExpr(numLoops - 2);
  AffineExpr zero = builder.getAffineConstantExpr(0), start = copy.exprs[rank - 2].replace(step, zero);
  if (copy.exprs.back() != channel || getShape(copy.source).back() != copy.shape.back() ||
      simplifyAffineExpr(copy.exprs[rank - 2] - start - step, numLoops, 0) != zero || start.isFunctionOfDim(numLoops - 1))
    return;
  for (AffineExpr expr : ArrayRef(copy.exprs).drop_back(2))
    if (expr.isFunctionOfDim(numLoops - 1) || expr.isFunctionOfDim(numLoops - 2))
      return;
  Groups groups;
  for (int64_t axis = 0; axis < rank - 1; ++axis)
    groups.push_back({axis});
  groups.back().push_back(rank - 1);
  copy.source = collapse(builder, copy.source, groups);
  int64_t channels = copy.shape.pop_back_val();
  copy.shape.back() *= channels;
  copy.exprs.pop_back();
  copy.exprs.back() = start * channels + step;
}

/// A convolution, its loops sorted by what they are in a matmul. Loops that run once are none of them.
class Windows {
public:
  explicit Windows(ContractOp op) : op(op), sizes(op.getLoopSizes()) {}

  /// Empty when the convolution is a matmul of its windows, else why not.
  StringRef sortLoops();
  Value rewrite(RewriterBase &rewriter);

private:
  bool isLong(AffineExpr expr) const { return isa<AffineDimExpr>(expr) && sizes[cast<AffineDimExpr>(expr).getPosition()] != 1; }
  SmallVector<unsigned> getLongLoops(AffineMap map) const;
  std::optional<int64_t> findSplit(AffineMap map, ArrayRef<int64_t> shape, ArrayRef<unsigned> first, ArrayRef<unsigned> second) const;
  StringRef sortRhs();
  StringRef checkScales();
  StringRef checkEpilogue();
  Value gather(OpBuilder &builder);
  SchemeAttr getScheme(SchemeAttr scheme, Value scales, Value zeros) const;
  Value collapseScale(OpBuilder &builder, Value scales, const Groups &groups) const;
  std::pair<Value, AffineMap> collapseEpilogue(OpBuilder &builder, Value operand, AffineMap map);

  ContractOp op;
  SmallVector<int64_t> sizes;
  AffineMap lhsMap; ///< Without the loops that run once.
  SmallVector<unsigned> rows, columns, window;
  int64_t resultSplit = 0, rhsSplit = 0;
  bool isTransposed = false; ///< Whether the window is last in the right codes.
};

SmallVector<unsigned> Windows::getLongLoops(AffineMap map) const {
  SmallVector<unsigned> loops;
  for (AffineExpr expr : map.getResults())
    if (isLong(expr))
      loops.push_back(cast<AffineDimExpr>(expr).getPosition());
  return loops;
}

/// The axis at which the loops `second` begin, if those of `map` are `first` and `second`, in this order, and all axes are read whole.
std::optional<int64_t> Windows::findSplit(AffineMap map, ArrayRef<int64_t> shape, ArrayRef<unsigned> first,
                                          ArrayRef<unsigned> second) const {
  for (auto [expr, size] : llvm::zip_equal(map.getResults(), shape))
    if (!isLong(expr) && size != 1)
      return std::nullopt;
  SmallVector<unsigned> expected(first);
  llvm::append_range(expected, second);
  if (getLongLoops(map) != expected)
    return std::nullopt;
  int64_t split = 1, rank = map.getNumResults();
  for (unsigned loop : first)
    split = *map.getResultPosition(getAffineDimExpr(loop, map.getContext())) + 1;
  bool isWhole = first.empty() && rank > 0 && isLong(map.getResult(0));
  return split < rank && !isWhole ? std::optional(split) : std::nullopt;
}

StringRef Windows::sortRhs() {
  AffineMap map = op.getRhsMap();
  if (!map.isProjectedPermutation(/*allowZeroInResults=*/true))
    return "right codes are not indexed by loops alone";
  for (unsigned loop : getLongLoops(map))
    if (!llvm::is_contained(columns, loop))
      window.push_back(loop);
  for (bool transposed : {false, true})
    if (std::optional<int64_t> split =
            findSplit(map, getShape(op.getRhs()), transposed ? columns : window, transposed ? window : columns)) {
      isTransposed = transposed;
      rhsSplit = *split;
      return {};
    }
  return "axes of the window and of the result alternate in the right codes";
}

StringRef Windows::sortLoops() {
  if (llvm::is_contained(sizes, ShapedType::kDynamic) || llvm::is_contained(sizes, 0))
    return "a loop has a dynamic size, or none";
  // Signs have no builtin type, but take a byte each until they are words.
  if (!getElementTypeOrSelf(op.getLhs().getType()).isInteger(8) && !isSign(op.getLhsSchemeAttr().getFormat()))
    return "left codes do not take a byte each";
  SmallVector<AffineExpr> dims;
  for (auto [loop, size] : llvm::enumerate(sizes))
    dims.push_back(size == 1 ? getAffineConstantExpr(0, op.getContext()) : getAffineDimExpr(loop, op.getContext()));
  lhsMap = op.getLhsMap().replaceDimsAndSymbols(dims, {}, sizes.size(), 0);
  for (unsigned loop : getLongLoops(op.getResultMap()))
    (op.getRhsMap().isFunctionOfDim(loop) ? columns : rows).push_back(loop);
  for (auto [loop, size] : llvm::enumerate(sizes)) {
    bool inLhs = lhsMap.isFunctionOfDim(loop), inRhs = op.getRhsMap().isFunctionOfDim(loop),
         inResult = op.getResultMap().isFunctionOfDim(loop);
    if (size != 1 && inLhs && inRhs && inResult)
      return "every group of channels has a window of its own";
    if (size != 1 && inLhs + inRhs + inResult != 2)
      return "a loop belongs to one operand alone";
  }
  std::optional<int64_t> split = findSplit(op.getResultMap(), getShape(op.getInit()), rows, columns);
  if (!split)
    return "channels are not the last axis of the result";
  resultSplit = *split;
  if (StringRef why = sortRhs(); !why.empty())
    return why;
  if (StringRef why = checkScales(); !why.empty())
    return why;
  return checkEpilogue();
}

StringRef Windows::checkScales() {
  Value lhs[] = {op.getLhsScales(), op.getLhsZeros()}, rhs[] = {op.getRhsScales(), op.getRhsZeros()};
  for (Value value : lhs)
    if (value && cast<ShapedType>(value.getType()).getNumElements() != 1)
      return "left codes have more than one scale";
  for (Value value : rhs) {
    if (!value || cast<ShapedType>(value.getType()).getNumElements() == 1)
      continue;
    for (auto [expr, share, size] : llvm::zip_equal(op.getRhsMap().getResults(), getShape(value), getShape(op.getRhs()))) {
      bool isColumn = isLong(expr) && llvm::is_contained(columns, cast<AffineDimExpr>(expr).getPosition());
      if (share != (isColumn ? size : 1))
        return "right codes do not have one scale for each channel of the result";
    }
  }
  return {};
}

StringRef Windows::checkEpilogue() {
  for (auto [i, operand] : llvm::enumerate(op.getEpilogueOperands())) {
    AffineMap map = op.getMap(3 + i);
    SmallVector<unsigned> loops = getLongLoops(map);
    if (!loops.empty() && loops != columns && !findSplit(map, getShape(operand), rows, columns))
      return "an operand of the epilogue is neither like the result nor one value for each of its channels";
  }
  return {};
}

/// The left codes as rows of windows.
Value Windows::gather(OpBuilder &builder) {
  Value source = op.getLhs();
  int64_t rank = lhsMap.getNumResults();
  if (std::optional<int64_t> split = findSplit(lhsMap, getShape(source), rows, window))
    return collapse(builder, source, makeGroups(*split, rank));

  // At least one loop for rows and one for the window.
  SmallVector<int64_t> shape;
  SmallVector<AffineExpr> dims(sizes.size(), builder.getAffineConstantExpr(0));
  auto append = [&](ArrayRef<unsigned> loops) {
    for (unsigned loop : loops) {
      dims[loop] = builder.getAffineDimExpr(shape.size());
      shape.push_back(sizes[loop]);
    }
    if (loops.empty())
      shape.push_back(1);
    return static_cast<int64_t>(shape.size());
  };
  int64_t split = append(rows), numLoops = append(window);
  AffineMap map = lhsMap.replaceDimsAndSymbols(dims, {}, numLoops, 0);
  Copy copied{source, shape, llvm::to_vector(map.getResults())};
  if (window.size() > 1) // else the run would be of several rows
    mergeRun(builder, copied);
  numLoops = copied.shape.size();

  Location loc = op.getLoc();
  Value empty = tensor::EmptyOp::create(builder, loc, copied.shape, getElementTypeOrSelf(copied.source.getType()));
  SmallVector<AffineMap> maps{AffineMap::get(numLoops, 0, copied.exprs, builder.getContext()), builder.getMultiDimIdentityMap(numLoops)};
  SmallVector<utils::IteratorType> iterators(numLoops, utils::IteratorType::parallel);
  auto copy =
      linalg::GenericOp::create(builder, loc, empty.getType(), copied.source, empty, maps, iterators,
                                [](OpBuilder &b, Location at, ValueRange elements) { linalg::YieldOp::create(b, at, elements[0]); });
  return collapse(builder, copy.getResult(0), makeGroups(split, numLoops));
}

/// One scale for all codes, or one for each column.
SchemeAttr Windows::getScheme(SchemeAttr scheme, Value scales, Value zeros) const {
  Value scale = scales ? scales : zeros;
  int64_t perColumn[] = {isTransposed, !isTransposed};
  DenseI64ArrayAttr block;
  if (scale && cast<ShapedType>(scale.getType()).getNumElements() != 1)
    block = DenseI64ArrayAttr::get(scheme.getContext(), perColumn);
  return SchemeAttr::get(scheme.getContext(), scheme.getFormat(), block, scheme.getScale(), scheme.getZero(), scheme.getScaling());
}

Value Windows::collapseScale(OpBuilder &builder, Value scales, const Groups &groups) const {
  if (!scales)
    return scales;
  return collapse(builder, scales, cast<ShapedType>(scales.getType()).getNumElements() == 1 ? Groups() : groups);
}

std::pair<Value, AffineMap> Windows::collapseEpilogue(OpBuilder &builder, Value operand, AffineMap map) {
  SmallVector<unsigned> loops = getLongLoops(map);
  auto makeMap = [&](ArrayRef<AffineExpr> exprs) { return AffineMap::get(3, 0, exprs, builder.getContext()); };
  AffineExpr m = builder.getAffineDimExpr(0), n = builder.getAffineDimExpr(1);
  if (loops.empty())
    return {collapse(builder, operand, {}), makeMap({})};
  int64_t rank = map.getNumResults();
  if (loops == columns)
    return {collapse(builder, operand, {llvm::to_vector<2>(llvm::seq<int64_t>(0, rank))}), makeMap({n})};
  return {collapse(builder, operand, makeGroups(*findSplit(map, getShape(operand), rows, columns), rank)), makeMap({m, n})};
}

Value Windows::rewrite(RewriterBase &rewriter) {
  rewriter.setInsertionPoint(op);
  Location loc = op.getLoc();
  AffineExpr m = rewriter.getAffineDimExpr(0), n = rewriter.getAffineDimExpr(1), k = rewriter.getAffineDimExpr(2);
  auto makeMap = [&](AffineExpr first, AffineExpr second) { return AffineMap::get(3, 0, {first, second}, rewriter.getContext()); };
  SmallVector<AffineMap> maps{makeMap(m, k), isTransposed ? makeMap(n, k) : makeMap(k, n), makeMap(m, n)};
  Groups rhsGroups = makeGroups(rhsSplit, op.getRhsMap().getNumResults());
  Groups resultGroups = makeGroups(resultSplit, op.getResultMap().getNumResults());
  SmallVector<Value> operands;
  for (auto [i, operand] : llvm::enumerate(op.getEpilogueOperands())) {
    auto [value, map] = collapseEpilogue(rewriter, operand, op.getMap(3 + i));
    operands.push_back(value);
    maps.push_back(map);
  }
  Value init = collapse(rewriter, op.getInit(), resultGroups);
  auto matmul = ContractOp::create(
      rewriter, loc, init.getType(), gather(rewriter), collapseScale(rewriter, op.getLhsScales(), {}),
      collapseScale(rewriter, op.getLhsZeros(), {}), collapse(rewriter, op.getRhs(), rhsGroups),
      collapseScale(rewriter, op.getRhsScales(), rhsGroups), collapseScale(rewriter, op.getRhsZeros(), rhsGroups), init, operands,
      rewriter.getAffineMapArrayAttr(maps), getScheme(op.getLhsSchemeAttr(), op.getLhsScales(), op.getLhsZeros()),
      getScheme(op.getRhsSchemeAttr(), op.getRhsScales(), op.getRhsZeros()));
  matmul->setDiscardableAttrs(op->getDiscardableAttrDictionary());
  rewriter.inlineRegionBefore(op.getEpilogue(), matmul.getEpilogue(), matmul.getEpilogue().end());
  return tensor::ExpandShapeOp::create(rewriter, loc, op.getResult().getType(), matmul.getResult(), resultGroups);
}

struct UnfoldWindowsPass final : impl::UnfoldWindowsPassBase<UnfoldWindowsPass> {
  using UnfoldWindowsPassBase::UnfoldWindowsPassBase;

  void runOnOperation() override {
    FailureOr<QuantTargetAttrInterface> resolved = getPassTarget(getOperation(), target);
    if (failed(resolved))
      return signalPassFailure();
    if (resolved->getVectorBits() == 0)
      return;
    SmallVector<ContractOp> convolutions;
    getOperation()->walk([&](ContractOp op) {
      bool hasOneReduction = llvm::count(op.getIteratorTypes(), utils::IteratorType::reduction) == 1;
      if (op.isInteger() && !(op.getLhsMap().isProjectedPermutation() && hasOneReduction))
        convolutions.push_back(op);
    });
    IRRewriter rewriter(&getContext());
    for (ContractOp op : convolutions) {
      Windows windows(op);
      if (StringRef why = windows.sortLoops(); why.empty())
        rewriter.replaceOp(op, windows.rewrite(rewriter));
      else
        refuse(op, why);
    }
  }

  static void refuse(ContractOp op, StringRef why) {
    auto function = op->getParentOfType<FunctionOpInterface>();
    remark::RemarkOpts options = remark::RemarkOpts::name("unfold-windows").category("lowbit").function(function ? function.getName() : "");
    remark::missed(op.getLoc(), options) << remark::reason("{0}", why);
  }
};
} // namespace
} // namespace mlir::lowbit
