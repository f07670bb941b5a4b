//===- WindowLoops.cpp - the window of a tile's rows, place by place ------===//
// Law: every element of a window that is not border is read once; the border, which is zero, is not.

#include "WindowLoops.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "llvm/Support/MathExtras.h"

namespace mlir::lowbit {

WindowTile::WindowTile(RewriterBase &rewriter, const PackedMatmul &matmul, linalg::GenericOp dots)
    : rewriter(rewriter), windows(*matmul.getWindows()), loc(matmul.getLoc()), numRows(dots.getStaticLoopRanges()[matmul.getRowLoop()]) {
  auto slice = dots.getDpsInputs()[0].getDefiningOp<tensor::ExtractSliceOp>();
  offsets = getOffsets(slice ? slice.getMixedOffsets().front() : rewriter.getIndexAttr(0));
}

SmallVector<OpFoldResult> WindowTile::getOffsets(OpFoldResult tile) {
  // Tiles are numbered along the rows, the last loop over rows in steps of a tile.
  SmallVector<int64_t> sizes(windows.view.rows);
  sizes.back() /= numRows;
  SmallVector<OpFoldResult> result(windows.view.axes.size(), rewriter.getIndexAttr(0));
  for (auto [axis, along] : llvm::enumerate(windows.view.axes)) {
    if (!along.row)
      continue;
    int64_t inner = ShapedType::getNumElements(ArrayRef(sizes).drop_front(*along.row + 1));
    AffineExpr row = rewriter.getAffineDimExpr(0).floorDiv(inner);
    if (*along.row != 0)
      row = row % sizes[*along.row];
    int64_t step = along.step * (isRunAxis(axis) ? numRows : 1);
    result[axis] = affine::makeComposedFoldedAffineApply(rewriter, loc, row * step, tile);
  }
  return result;
}

std::optional<unsigned> WindowTile::getNextAxis() const {
  for (auto [axis, along] : llvm::enumerate(windows.view.axes))
    if (along.tap == places.size())
      return axis;
  return std::nullopt;
}

bool WindowTile::dependsOnPlace() const {
  std::optional<unsigned> axis = getNextAxis();
  return axis && isRunAxis(*axis) && windows.hasBorder(*axis);
}

std::pair<int64_t, int64_t> WindowTile::getRowsAt(unsigned axis, int64_t place) const {
  const WindowView::Axis &along = windows.view.axes[axis];
  int64_t start = place * along.dilation - windows.low[axis], size = cast<ShapedType>(windows.image.getType()).getDimSize(axis);
  auto clamp = [&](int64_t row) { return std::clamp<int64_t>(row, 0, numRows); };
  int64_t first = clamp(llvm::divideCeilSigned(-start, along.step)), end = clamp(llvm::divideCeilSigned(size - start, along.step));
  return {first, std::max<int64_t>(end - first, 0)};
}

SmallVector<int64_t> WindowTile::getPlaces() const {
  unsigned axis = *getNextAxis();
  SmallVector<int64_t> found;
  for (int64_t place = 0; place < windows.view.taps[places.size()]; ++place)
    if (getRowsAt(axis, place).second != 0)
      found.push_back(place);
  llvm::sort(found,
             [&](int64_t a, int64_t b) { return std::pair(-getRowsAt(axis, a).second, a) < std::pair(-getRowsAt(axis, b).second, b); });
  return found;
}

std::pair<OpFoldResult, OpFoldResult> WindowTile::getBounds() {
  int64_t numPlaces = windows.view.taps[places.size()];
  std::optional<unsigned> axis = getNextAxis();
  if (!axis || !windows.hasBorder(*axis))
    return {rewriter.getIndexAttr(0), rewriter.getIndexAttr(numPlaces)};
  // low <= offset + place * dilation < low + size
  int64_t low = windows.low[*axis], size = cast<ShapedType>(windows.image.getType()).getDimSize(*axis);
  AffineExpr offset = rewriter.getAffineDimExpr(0), zero = rewriter.getAffineConstantExpr(0),
             all = rewriter.getAffineConstantExpr(numPlaces);
  int64_t dilation = windows.view.axes[*axis].dilation;
  auto build = [&](bool isMax, AffineExpr first, AffineExpr second) {
    AffineMap map = AffineMap::get(1, 0, {first, second}, rewriter.getContext());
    return isMax ? affine::makeComposedFoldedAffineMax(rewriter, loc, map, offsets[*axis])
                 : affine::makeComposedFoldedAffineMin(rewriter, loc, map, offsets[*axis]);
  };
  return {build(true, (low - offset).ceilDiv(dilation), zero), build(false, (low + size - offset).ceilDiv(dilation), all)};
}

std::pair<int64_t, int64_t> WindowTile::getRows() const {
  for (auto [axis, along] : llvm::enumerate(windows.view.axes))
    if (isRunAxis(axis) && windows.hasBorder(axis))
      return getRowsAt(axis, *getConstantIntValue(places[*along.tap]));
  return {0, numRows};
}

Value WindowTile::buildSlice() {
  auto type = cast<RankedTensorType>(windows.image.getType());
  SmallVector<OpFoldResult> starts(type.getRank(), rewriter.getIndexAttr(0)), strides(type.getRank(), rewriter.getIndexAttr(1));
  SmallVector<OpFoldResult> sizes = getAsIndexOpFoldResult(rewriter.getContext(), type.getShape());
  auto [firstRow, rows] = getRows();
  for (auto [axis, along] : llvm::enumerate(windows.view.axes)) {
    bool isRun = isRunAxis(axis);
    AffineExpr offset = rewriter.getAffineDimExpr(0), place = rewriter.getAffineDimExpr(1);
    AffineExpr start = offset + place * along.dilation + (isRun ? firstRow * along.step : 0) - windows.low[axis];
    starts[axis] = affine::makeComposedFoldedAffineApply(rewriter, loc, start,
                                                         {offsets[axis], along.tap ? places[*along.tap] : rewriter.getIndexAttr(0)});
    sizes[axis] = rewriter.getIndexAttr(isRun ? rows : 1);
    strides[axis] = rewriter.getIndexAttr(isRun && rows > 1 ? along.step : 1);
  }
  Value slice = tensor::ExtractSliceOp::create(rewriter, loc, windows.image, starts, sizes, strides);
  int64_t numAxes = windows.view.axes.size(), run = 0;
  while (!isRunAxis(run))
    ++run;
  SmallVector<int64_t> shape(type.getShape().drop_front(numAxes));
  SmallVector<ReassociationIndices> groups;
  auto group = [&](int64_t first, int64_t end) { groups.push_back(llvm::to_vector<2>(llvm::seq<int64_t>(first, end))); };
  if (run != 0)
    group(0, run);
  group(run, numAxes);
  for (int64_t axis = numAxes; axis < type.getRank(); ++axis)
    group(axis, axis + 1);
  shape.insert(shape.begin(), rows);
  if (run != 0)
    shape.insert(shape.begin(), 1);
  if (groups.size() != static_cast<size_t>(type.getRank()))
    slice = tensor::CollapseShapeOp::create(rewriter, loc, type.clone(shape), slice, groups);
  if (run != 0)
    return slice;
  shape.insert(shape.begin(), 1);
  groups.assign(1, {0, 1});
  for (int64_t axis = 2, rank = shape.size(); axis < rank; ++axis)
    group(axis, axis + 1);
  return tensor::ExpandShapeOp::create(rewriter, loc, type.clone(shape), slice, groups);
}

} // namespace mlir::lowbit
