//===- WindowView.cpp - windows of an image that a copy would gather ------===//
// Law: element by element, the view is what the copy holds.

#include "lowbit/Transforms/WindowView.h"
#include "lowbit/IR/AffineSums.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

namespace mlir::lowbit {

static bool isCopy(linalg::GenericOp op) {
  auto yielded = dyn_cast<BlockArgument>(op.getBody()->getTerminator()->getOperand(0));
  return op.getNumDpsInputs() == 1 && op.getNumDpsInits() == 1 && yielded && yielded.getArgNumber() == 0 &&
         op.getNumParallelLoops() == op.getNumLoops() && op.getIndexingMapsArray()[1].isIdentity() && op->getNumResults() == 1;
}

namespace {
/// A copy while it is understood: factors of its loops by axis of what it reads.
struct Copied {
  Value source;
  SmallVector<int64_t> shape;
  SmallVector<SmallVector<int64_t>> factors;
};
} // namespace

/// Takes apart a run of neighbours with their channels, which the copy has in one loop and one axis.
static bool splitRun(Copied &copied) {
  auto run = copied.source.getDefiningOp<tensor::CollapseShapeOp>();
  if (!run || copied.factors.back().back() != 1)
    return false;
  SmallVector<ReassociationIndices> groups = run.getReassociationIndices();
  int64_t channels = run.getSrcType().getShape().back();
  if (groups.back().size() != 2 || run.getSrcType().getRank() != run.getResultType().getRank() + 1 || copied.shape.back() % channels != 0)
    return false;
  copied.factors.back().back() = channels;
  for (int64_t &factor : copied.factors.back()) {
    if (factor % channels != 0)
      return false;
    factor /= channels;
  }
  copied.source = run.getSrc();
  copied.shape.back() /= channels;
  copied.shape.push_back(channels);
  for (SmallVector<int64_t> &factors : copied.factors)
    factors.push_back(0);
  copied.factors.emplace_back(copied.shape.size(), 0).back() = 1;
  return true;
}

/// Whether the last loop, and no other, goes along all of the last axis, and along no other.
static bool endsInChannels(const Copied &copied) {
  for (auto [axis, factors] : llvm::enumerate(copied.factors)) {
    bool isLast = axis + 1 == copied.factors.size();
    if (factors.back() != (isLast ? 1 : 0) || (isLast && llvm::any_of(ArrayRef(factors).drop_back(), [](int64_t f) { return f != 0; })))
      return false;
  }
  return copied.shape.back() == cast<RankedTensorType>(copied.source.getType()).getShape().back();
}

bool isAlongChannels(ContractOp op) {
  AffineMap maps[] = {op.getLhsMap(), op.getRhsMap(), op.getResultMap()};
  if (!op.isInteger() || !getElementTypeOrSelf(op.getLhs().getType()).isInteger(8) ||
      !getElementTypeOrSelf(op.getRhs().getType()).isInteger(8) || maps[2].getNumResults() == 0)
    return false;
  AffineExpr channel = maps[2].getResults().back();
  unsigned loop = cast<AffineDimExpr>(channel).getPosition();
  return llvm::all_of(maps, [&](AffineMap map) {
    return map.getNumResults() != 0 && map.getResults().back() == channel &&
           llvm::none_of(map.getResults().drop_back(), [&](AffineExpr expr) { return expr.isFunctionOfDim(loop); });
  });
}

std::optional<WindowView> getWindowView(Value windows) {
  auto matrix = windows.getDefiningOp<tensor::CollapseShapeOp>();
  Value elements = matrix ? matrix.getSrc() : windows;
  auto copy = elements.getDefiningOp<linalg::GenericOp>();
  if (!copy || !isCopy(copy) || cast<RankedTensorType>(windows.getType()).getRank() != 2)
    return std::nullopt;
  Copied copied{copy.getDpsInputs()[0], llvm::to_vector(cast<RankedTensorType>(elements.getType()).getShape()), {}};
  for (AffineExpr expr : copy.getIndexingMapsArray()[0].getResults()) {
    std::optional<SmallVector<int64_t>> factors = getSumFactors(expr, copied.shape.size());
    if (!factors)
      return std::nullopt;
    copied.factors.push_back(*factors);
  }
  if (copied.factors.empty() || (!endsInChannels(copied) && !(splitRun(copied) && endsInChannels(copied))))
    return std::nullopt;

  auto expand = copied.source.getDefiningOp<tensor::ExpandShapeOp>();
  bool hasBorder = isa_and_present<tensor::PadOp>((expand ? expand.getSrc() : copied.source).getDefiningOp());
  unsigned numRows = matrix ? matrix.getReassociationIndices().front().size() : 1;
  WindowView view{copied.source, {}, {}, {}, copied.shape.back(), hasBorder};
  llvm::append_range(view.rows, ArrayRef(copied.shape).take_front(numRows));
  llvm::append_range(view.taps, ArrayRef(copied.shape).drop_front(numRows).drop_back());
  SmallVector<unsigned> uses(copied.shape.size(), 0);
  for (ArrayRef<int64_t> factors : ArrayRef(copied.factors).drop_back()) {
    WindowView::Axis &axis = view.axes.emplace_back();
    for (auto [loop, factor] : llvm::enumerate(factors)) {
      if (factor == 0)
        continue;
      bool isRow = loop < numRows;
      std::optional<unsigned> &place = isRow ? axis.row : axis.tap;
      if (place || ++uses[loop] > 1)
        return std::nullopt;
      place = isRow ? loop : loop - numRows;
      (isRow ? axis.step : axis.dilation) = factor;
    }
  }
  // Every loop but the channels' goes along one axis.
  bool isWhole = llvm::all_of(ArrayRef(uses).drop_back(), [](unsigned count) { return count == 1; });
  return isWhole ? std::optional(view) : std::nullopt;
}

WindowsAttr WindowView::getWindows(int64_t elements) const {
  MLIRContext *context = image.getContext();
  SmallVector<AffineExpr> exprs;
  for (const Axis &axis : axes) {
    AffineExpr place = getAffineConstantExpr(0, context);
    if (axis.row)
      place = getAffineDimExpr(*axis.row, context) * axis.step;
    if (axis.tap)
      place = place + getAffineDimExpr(rows.size() + *axis.tap, context) * axis.dilation;
    exprs.push_back(place);
  }
  unsigned numLoops = rows.size() + taps.size() + 1;
  exprs.push_back(getAffineDimExpr(numLoops - 1, context));
  SmallVector<int64_t> columns(taps);
  columns.push_back(elements);
  return WindowsAttr::get(context, columns, AffineMap::get(numLoops, 0, exprs, context));
}

Value gatherWindows(OpBuilder &builder, Location loc, Value image, WindowsAttr windows) {
  auto type = cast<RankedTensorType>(image.getType());
  SmallVector<int64_t> shape = windows.getRows(type.getShape());
  int64_t numRows = shape.size();
  llvm::append_range(shape, windows.getColumns());
  int64_t rank = shape.size();
  Value empty = tensor::EmptyOp::create(builder, loc, shape, type.getElementType());
  SmallVector<AffineMap> maps{windows.getMap(), builder.getMultiDimIdentityMap(rank)};
  SmallVector<utils::IteratorType> iterators(rank, utils::IteratorType::parallel);
  Value copy =
      linalg::GenericOp::create(builder, loc, empty.getType(), image, empty, maps, iterators,
                                [](OpBuilder &b, Location at, ValueRange elements) { linalg::YieldOp::create(b, at, elements[0]); })
          .getResult(0);
  SmallVector<ReassociationIndices> groups{llvm::to_vector<2>(llvm::seq<int64_t>(0, numRows)),
                                           llvm::to_vector<2>(llvm::seq(numRows, rank))};
  return rank == 2 ? copy : tensor::CollapseShapeOp::create(builder, loc, copy, groups).getResult();
}

Value buildPad(OpBuilder &builder, Location loc, Value value, ArrayRef<int64_t> low, ArrayRef<int64_t> high, Value border) {
  if (llvm::all_of(low, [](int64_t size) { return size == 0; }) && llvm::all_of(high, [](int64_t size) { return size == 0; }))
    return value;
  auto type = cast<RankedTensorType>(value.getType());
  SmallVector<int64_t> shape(type.getShape());
  for (auto [size, before, after] : llvm::zip_equal(shape, low, high))
    size += before + after;
  MLIRContext *context = builder.getContext();
  return tensor::PadOp::create(builder, loc, type.clone(shape), value, getAsIndexOpFoldResult(context, low),
                               getAsIndexOpFoldResult(context, high), border);
}

} // namespace mlir::lowbit
