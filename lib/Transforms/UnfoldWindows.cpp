//===- UnfoldWindows.cpp - convolutions of codes as matmuls ----------------===//
// Law: every product of the convolution is one of the matmul, and none besides; sums of integers have no order, so no bit changes.

#include "WindowRuns.h"
#include "lowbit/IR/Remarks.h"
#include "lowbit/Packings/HostPacking.h"
#include "lowbit/Targets/Resolve.h"
#include "lowbit/Transforms/Constants.h"
#include "lowbit/Transforms/MatmulForm.h"
#include "lowbit/Transforms/Passes.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

namespace mlir::lowbit {
#define GEN_PASS_DEF_UNFOLDWINDOWSPASS
#include "lowbit/Transforms/Passes.h.inc"

/// A constant of another shape; null when it is of a kind that has no such.
static ElementsAttr reshapeConstant(ElementsAttr elements, RankedTensorType type) {
  if (auto resource = dyn_cast_or_null<DenseResourceElementsAttr>(elements))
    return DenseResourceElementsAttr::get(type, resource.getRawHandle());
  if (auto text = dyn_cast_or_null<DenseStringElementsAttr>(elements))
    return cast<ElementsAttr>(DenseStringElementsAttr::get(type, text.getRawStringData()));
  if (auto dense = dyn_cast_or_null<DenseElementsAttr>(elements))
    return dense.reshape(type);
  return {};
}

Value collapseAxes(OpBuilder &builder, Value value, ArrayRef<ReassociationIndices> groups) {
  SmallVector<int64_t> shape;
  for (const ReassociationIndices &group : groups) {
    int64_t &size = shape.emplace_back(1);
    for (int64_t axis : group)
      size *= cast<RankedTensorType>(value.getType()).getDimSize(axis);
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

namespace {
using Groups = SmallVector<ReassociationIndices>;

ArrayRef<int64_t> getShape(Value value) { return cast<RankedTensorType>(value.getType()).getShape(); }

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
  copy.source = collapseAxes(builder, copy.source, groups);
  int64_t channels = copy.shape.pop_back_val();
  copy.shape.back() *= channels;
  copy.exprs.pop_back();
  copy.exprs.back() = start * channels + step;
}

/// A convolution, its loops sorted by what they are in a matmul. Loops that run once are none of them.
class Windows {
public:
  explicit Windows(ContractOp op) : op(op), sizes(op.getLoopSizes()) {}

  /// Empty when the convolution is a matmul of its windows, or one for each group of channels, or a sum along its channels; else why not.
  StringRef sortLoops();
  Value rewrite(RewriterBase &rewriter) { return isAlongChannels() ? squeeze(rewriter) : unfold(rewriter); }

private:
  bool isLong(AffineExpr expr) const { return isa<AffineDimExpr>(expr) && sizes[cast<AffineDimExpr>(expr).getPosition()] != 1; }
  SmallVector<unsigned> getLongLoops(AffineMap map) const;
  using Loops = ArrayRef<unsigned>;
  /// `first`, the groups of channels where there are some, and `second`; or the groups first of all.
  SmallVector<Loops, 3> aroundGroups(Loops first, Loops second) const;
  SmallVector<Loops, 3> afterGroups(Loops first, Loops second) const;
  std::optional<Groups> findGroups(AffineMap map, ArrayRef<int64_t> shape, ArrayRef<Loops> parts) const;
  std::optional<Groups> findResultGroups(AffineMap map, Value value) const;
  bool isAlongChannels() const;
  StringRef sortRhs();
  StringRef checkAlongChannels();
  StringRef checkScales();
  StringRef checkEpilogue();
  Value gather(OpBuilder &builder);
  SchemeAttr getScheme(SchemeAttr scheme, Value scales, Value zeros, ArrayRef<int64_t> perColumn) const;
  Value collapseScale(OpBuilder &builder, Value scales, const Groups &groups) const;
  std::pair<Value, AffineMap> collapseEpilogue(OpBuilder &builder, Value operand, AffineMap map);
  Value unfold(RewriterBase &rewriter);
  Value squeeze(RewriterBase &rewriter);
  Value build(RewriterBase &rewriter, Value lhs, const Groups &rhsAxes, ArrayRef<int64_t> rhsBlock, const Groups &resultAxes,
              ValueRange operands, ArrayRef<AffineMap> maps);

  ContractOp op;
  SmallVector<int64_t> sizes;
  AffineMap lhsMap; ///< Without the loops that run once.
  SmallVector<unsigned> rows, groups, columns, window;
  Groups resultGroups, rhsGroups;
  bool isTransposed = false; ///< Whether the window is last in the right codes.
};

SmallVector<unsigned> Windows::getLongLoops(AffineMap map) const {
  SmallVector<unsigned> loops;
  for (AffineExpr expr : map.getResults())
    if (isLong(expr))
      loops.push_back(cast<AffineDimExpr>(expr).getPosition());
  return loops;
}

SmallVector<Windows::Loops, 3> Windows::aroundGroups(Loops first, Loops second) const {
  return groups.empty() ? SmallVector<Loops, 3>{first, second} : SmallVector<Loops, 3>{first, groups, second};
}

SmallVector<Windows::Loops, 3> Windows::afterGroups(Loops first, Loops second) const {
  return groups.empty() ? SmallVector<Loops, 3>{first, second} : SmallVector<Loops, 3>{groups, first, second};
}

/// The axes of each of `parts`, if the loops of `map` are theirs, in this order, and all axes are read whole.
std::optional<Groups> Windows::findGroups(AffineMap map, ArrayRef<int64_t> shape, ArrayRef<Loops> parts) const {
  for (auto [expr, size] : llvm::zip_equal(map.getResults(), shape))
    if (!isLong(expr) && size != 1)
      return std::nullopt;
  SmallVector<unsigned> expected;
  for (Loops part : parts)
    llvm::append_range(expected, part);
  if (getLongLoops(map) != expected)
    return std::nullopt;
  Groups found;
  int64_t begin = 0, rank = map.getNumResults();
  for (auto [i, part] : llvm::enumerate(parts)) {
    bool isLast = i + 1 == parts.size();
    if (begin == rank || (!isLast && part.empty() && isLong(map.getResult(begin))))
      return std::nullopt;
    int64_t end = isLast ? rank : begin + 1;
    if (!isLast && !part.empty())
      end = *map.getResultPosition(getAffineDimExpr(part.back(), map.getContext())) + 1;
    found.push_back(llvm::to_vector<2>(llvm::seq(begin, end)));
    begin = end;
  }
  return found;
}

std::optional<Groups> Windows::findResultGroups(AffineMap map, Value value) const {
  return findGroups(map, getShape(value), aroundGroups(rows, columns));
}

StringRef Windows::sortRhs() {
  AffineMap map = op.getRhsMap();
  if (!map.isProjectedPermutation(/*allowZeroInResults=*/true))
    return "right codes are not indexed by loops alone";
  for (unsigned loop : getLongLoops(map))
    if (!llvm::is_contained(columns, loop) && !llvm::is_contained(groups, loop))
      window.push_back(loop);
  if (columns.empty() && !groups.empty())
    return checkAlongChannels();
  for (bool transposed : {false, true})
    if (std::optional<Groups> found =
            findGroups(map, getShape(op.getRhs()), afterGroups(transposed ? columns : window, transposed ? window : columns))) {
      isTransposed = transposed;
      rhsGroups = *found;
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
    (!op.getRhsMap().isFunctionOfDim(loop) ? rows : lhsMap.isFunctionOfDim(loop) ? groups : columns).push_back(loop);
  for (auto [loop, size] : llvm::enumerate(sizes)) {
    bool inLhs = lhsMap.isFunctionOfDim(loop), inRhs = op.getRhsMap().isFunctionOfDim(loop),
         inResult = op.getResultMap().isFunctionOfDim(loop);
    if (size != 1 && inLhs + inRhs + inResult < 2)
      return "a loop belongs to one operand alone";
  }
  std::optional<Groups> found = findResultGroups(op.getResultMap(), op.getInit());
  bool areChannels = !groups.empty() && columns.empty() && getLongLoops(op.getResultMap()).back() == groups.back();
  if (!found && !areChannels)
    return "channels are not the last axis of the result";
  resultGroups = found.value_or(Groups());
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
      bool isWindow = !isLong(expr) || llvm::is_contained(window, cast<AffineDimExpr>(expr).getPosition());
      if (share != (isWindow ? 1 : size))
        return "right codes do not have one scale for each channel of the result";
    }
  }
  return {};
}

StringRef Windows::checkEpilogue() {
  if (isAlongChannels())
    return {};
  for (auto [i, operand] : llvm::enumerate(op.getEpilogueOperands())) {
    AffineMap map = op.getMap(3 + i);
    SmallVector<unsigned> loops = getLongLoops(map);
    bool isPerChannel = groups.empty() ? loops == columns : findGroups(map, getShape(operand), {groups, columns}).has_value();
    if (!loops.empty() && !isPerChannel && !findResultGroups(map, operand))
      return "an operand of the epilogue is neither like the result nor one value for each of its channels";
  }
  return {};
}

/// The left codes as rows of windows.
Value Windows::gather(OpBuilder &builder) {
  Value source = op.getLhs();
  if (std::optional<Groups> found = findGroups(lhsMap, getShape(source), aroundGroups(rows, window)))
    return collapseAxes(builder, source, *found);

  // At least one loop for rows and one for the window.
  SmallVector<int64_t> shape;
  SmallVector<AffineExpr> dims(sizes.size(), builder.getAffineConstantExpr(0));
  Groups parts;
  auto append = [&](Loops loops) {
    int64_t begin = shape.size();
    for (unsigned loop : loops) {
      dims[loop] = builder.getAffineDimExpr(shape.size());
      shape.push_back(sizes[loop]);
    }
    if (loops.empty())
      shape.push_back(1);
    parts.push_back(llvm::to_vector<2>(llvm::seq<int64_t>(begin, shape.size())));
  };
  llvm::for_each(aroundGroups(rows, window), append);
  int64_t numLoops = shape.size();
  AffineMap map = lhsMap.replaceDimsAndSymbols(dims, {}, numLoops, 0);
  Copy copied{source, shape, llvm::to_vector(map.getResults())};
  if (window.size() > 1) // else the run would be of several rows
    mergeRun(builder, copied);
  if (static_cast<int64_t>(copied.shape.size()) != numLoops)
    parts.back().pop_back();
  numLoops = copied.shape.size();

  Location loc = op.getLoc();
  Value empty = tensor::EmptyOp::create(builder, loc, copied.shape, getElementTypeOrSelf(copied.source.getType()));
  SmallVector<AffineMap> maps{AffineMap::get(numLoops, 0, copied.exprs, builder.getContext()), builder.getMultiDimIdentityMap(numLoops)};
  SmallVector<utils::IteratorType> iterators(numLoops, utils::IteratorType::parallel);
  auto copy =
      linalg::GenericOp::create(builder, loc, empty.getType(), copied.source, empty, maps, iterators,
                                [](OpBuilder &b, Location at, ValueRange elements) { linalg::YieldOp::create(b, at, elements[0]); });
  return collapseAxes(builder, copy.getResult(0), parts);
}

/// One scale for all codes, or one for each column.
SchemeAttr Windows::getScheme(SchemeAttr scheme, Value scales, Value zeros, ArrayRef<int64_t> perColumn) const {
  Value scale = scales ? scales : zeros;
  DenseI64ArrayAttr block;
  if (scale && cast<ShapedType>(scale.getType()).getNumElements() != 1)
    block = DenseI64ArrayAttr::get(scheme.getContext(), perColumn);
  return SchemeAttr::get(scheme.getContext(), scheme.getFormat(), block, scheme.getScale(), scheme.getZero(), scheme.getScaling());
}

Value Windows::collapseScale(OpBuilder &builder, Value scales, const Groups &groups) const {
  if (!scales)
    return scales;
  return collapseAxes(builder, scales, cast<ShapedType>(scales.getType()).getNumElements() == 1 ? Groups() : groups);
}

std::pair<Value, AffineMap> Windows::collapseEpilogue(OpBuilder &builder, Value operand, AffineMap map) {
  SmallVector<unsigned> loops = getLongLoops(map);
  SmallVector<AffineExpr> m{builder.getAffineDimExpr(0)}, n{builder.getAffineDimExpr(1)};
  if (!groups.empty())
    n.insert(n.begin(), builder.getAffineDimExpr(3));
  auto makeMap = [&](ArrayRef<AffineExpr> exprs) { return AffineMap::get(groups.empty() ? 3 : 4, 0, exprs, builder.getContext()); };
  if (loops.empty())
    return {collapseAxes(builder, operand, {}), makeMap({})};
  if (groups.empty() && loops == columns)
    return {collapseAxes(builder, operand, {llvm::to_vector<2>(llvm::seq<int64_t>(0, map.getNumResults()))}), makeMap(n)};
  if (std::optional<Groups> found = groups.empty() ? std::nullopt : findGroups(map, getShape(operand), {groups, columns}))
    return {collapseAxes(builder, operand, *found), makeMap(n)};
  llvm::append_range(m, n);
  return {collapseAxes(builder, operand, *findResultGroups(map, operand)), makeMap(m)};
}

Value Windows::unfold(RewriterBase &rewriter) {
  rewriter.setInsertionPoint(op);
  AffineExpr m = rewriter.getAffineDimExpr(0), n = rewriter.getAffineDimExpr(1), k = rewriter.getAffineDimExpr(2);
  SmallVector<AffineExpr> lhs{m, k}, rhs{k, n}, result{m, n};
  SmallVector<int64_t> block{isTransposed, !isTransposed};
  if (isTransposed)
    std::swap(rhs[0], rhs[1]);
  if (!groups.empty()) {
    AffineExpr g = rewriter.getAffineDimExpr(3);
    lhs.insert(lhs.begin() + 1, g);
    rhs.insert(rhs.begin(), g);
    result.insert(result.begin() + 1, g);
    block.insert(block.begin(), 1);
  }
  SmallVector<AffineMap> maps;
  for (ArrayRef<AffineExpr> exprs : {ArrayRef(lhs), ArrayRef(rhs), ArrayRef(result)})
    maps.push_back(AffineMap::get(groups.empty() ? 3 : 4, 0, exprs, rewriter.getContext()));
  SmallVector<Value> operands;
  for (auto [i, operand] : llvm::enumerate(op.getEpilogueOperands())) {
    auto [value, map] = collapseEpilogue(rewriter, operand, op.getMap(3 + i));
    operands.push_back(value);
    maps.push_back(map);
  }
  return build(rewriter, gather(rewriter), rhsGroups, block, resultGroups, operands, maps);
}

/// The contraction of other shapes in the place of `op`; its result has the shape of `op`'s.
Value Windows::build(RewriterBase &rewriter, Value lhs, const Groups &rhsAxes, ArrayRef<int64_t> rhsBlock, const Groups &resultAxes,
                     ValueRange operands, ArrayRef<AffineMap> maps) {
  Location loc = op.getLoc();
  Value init = collapseAxes(rewriter, op.getInit(), resultAxes);
  auto built = ContractOp::create(rewriter, loc, init.getType(), lhs, collapseScale(rewriter, op.getLhsScales(), {}),
                                  collapseScale(rewriter, op.getLhsZeros(), {}), collapseAxes(rewriter, op.getRhs(), rhsAxes),
                                  collapseScale(rewriter, op.getRhsScales(), rhsAxes), collapseScale(rewriter, op.getRhsZeros(), rhsAxes),
                                  init, operands, rewriter.getAffineMapArrayAttr(maps),
                                  getScheme(op.getLhsSchemeAttr(), op.getLhsScales(), op.getLhsZeros(), {}),
                                  getScheme(op.getRhsSchemeAttr(), op.getRhsScales(), op.getRhsZeros(), rhsBlock));
  built->setDiscardableAttrs(op->getDiscardableAttrDictionary());
  rewriter.inlineRegionBefore(op.getEpilogue(), built.getEpilogue(), built.getEpilogue().end());
  return rewriter.createOrFold<tensor::ExpandShapeOp>(loc, op.getResult().getType(), built.getResult(), resultAxes);
}

bool Windows::isAlongChannels() const { return !groups.empty() && columns.empty(); }

StringRef Windows::checkAlongChannels() {
  auto isLast = [&](AffineMap map) {
    SmallVector<unsigned> loops = getLongLoops(map);
    return !loops.empty() && loops.back() == groups.back();
  };
  if (!isLast(op.getResultMap()) || !isLast(lhsMap) || !isLast(op.getRhsMap()))
    return "channels, of which each has a window of its own, are not the last axis of all";
  for (auto [expr, size] : llvm::zip_equal(lhsMap.getResults(), getShape(op.getLhs())))
    if (isa<AffineConstantExpr>(expr) && size != 1)
      return "an axis of the left codes is not read whole";
  return {};
}

/// Without the loops that run once, and their axes: the last axis of all is that of the channels, along which vectors lie.
Value Windows::squeeze(RewriterBase &rewriter) {
  rewriter.setInsertionPoint(op);
  SmallVector<AffineExpr> dims;
  unsigned numLoops = 0;
  for (int64_t size : sizes)
    dims.push_back(size == 1 ? rewriter.getAffineConstantExpr(0) : rewriter.getAffineDimExpr(numLoops++));
  SmallVector<AffineMap> maps;
  auto squeezeMap = [&](AffineMap map) {
    Groups axes;
    SmallVector<AffineExpr> exprs;
    for (auto [axis, expr] : llvm::enumerate(map.replaceDimsAndSymbols(dims, {}, numLoops, 0).getResults())) {
      bool isKept = !isa<AffineConstantExpr>(expr);
      // Axes of one element go with the next one, or the last.
      if (axes.empty() || (isKept && axes.size() == exprs.size()))
        axes.emplace_back();
      axes.back().push_back(axis);
      if (isKept)
        exprs.push_back(expr);
    }
    maps.push_back(AffineMap::get(numLoops, 0, exprs, rewriter.getContext()));
    return exprs.empty() ? Groups() : axes;
  };
  Value lhs = collapseAxes(rewriter, op.getLhs(), squeezeMap(op.getLhsMap()));
  Groups rhsAxes = squeezeMap(op.getRhsMap()), resultAxes = squeezeMap(op.getResultMap());
  SmallVector<int64_t> block;
  for (AffineExpr expr : maps[1].getResults())
    block.push_back(maps[2].getResultPosition(expr).has_value());
  SmallVector<Value> operands;
  for (auto [i, operand] : llvm::enumerate(op.getEpilogueOperands()))
    operands.push_back(collapseAxes(rewriter, operand, squeezeMap(op.getMap(3 + i))));
  return build(rewriter, lhs, rhsAxes, block, resultAxes, operands, maps);
}

struct UnfoldWindowsPass final : impl::UnfoldWindowsPassBase<UnfoldWindowsPass> {
  using UnfoldWindowsPassBase::UnfoldWindowsPassBase;

  void runOnOperation() override {
    FailureOr<QuantTargetAttrInterface> resolved = getPassTarget(getOperation(), target);
    if (failed(resolved))
      return signalPassFailure();
    if (resolved->getVectorBits() == 0 && !resolved->getGPU())
      return;
    SmallVector<ContractOp> convolutions;
    getOperation()->walk([&](ContractOp op) {
      bool hasOneReduction = llvm::count(op.getIteratorTypes(), utils::IteratorType::reduction) == 1;
      if (op.isInteger() && !(op.getLhsMap().isProjectedPermutation() && hasOneReduction))
        convolutions.push_back(op);
    });
    IRRewriter rewriter(&getContext());
    for (ContractOp op : convolutions) {
      if (StringRef why = Windows(op).sortLoops(); !why.empty()) {
        refuse(op, why);
        continue;
      }
      if (ContractOp gathered = gatherRuns(rewriter, op, *resolved))
        op = gathered;
      Windows windows(op);
      if (StringRef why = windows.sortLoops(); why.empty())
        rewriter.replaceOp(op, windows.rewrite(rewriter));
      else
        refuse(op, why);
    }
  }

  static void refuse(ContractOp op, StringRef why) {
    remark::missed(op.getLoc(), getRemarkOptions("unfold-windows", op)) << remark::reason("{0}", why);
  }
};
} // namespace
} // namespace mlir::lowbit
