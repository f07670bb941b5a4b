//===- PackedWindows.cpp - rows of a matmul that are windows of an image --===//
// Law: a row is a window where it lies; what is left out of one is border, every product of which is zero.

#include "PackedMatmul.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Matchers.h"

namespace mlir::lowbit {

/// What `value` is, if its border is a constant of known sizes: axes of one that the pad does without are there, too.
static std::optional<Bordered> getBordered(OpBuilder &builder, Value value) {
  auto expand = value.getDefiningOp<tensor::ExpandShapeOp>();
  auto pad = (expand ? expand.getSrc() : value).getDefiningOp<tensor::PadOp>();
  Value border = pad ? pad.getConstantPaddingValue() : Value();
  if (!border || !pad.getSourceType().hasStaticShape())
    return std::nullopt;
  SmallVector<int64_t> low(pad.getStaticLow()), high(pad.getStaticHigh());
  if (llvm::any_of(llvm::concat<int64_t>(low, high), [](int64_t size) { return size < 0; })) // cuts, or is not known
    return std::nullopt;
  if (!expand)
    return Bordered{pad.getSource(), border, low, high};
  ArrayRef<int64_t> whole = expand.getResultType().getShape();
  Bordered result{{}, border, SmallVector<int64_t>(whole.size(), 0), SmallVector<int64_t>(whole.size(), 0)};
  SmallVector<int64_t> shape(whole.size(), 1);
  SmallVector<ReassociationIndices> groups = expand.getReassociationIndices();
  for (auto [axis, group] : llvm::enumerate(groups)) {
    int64_t place = group.front();
    for (int64_t part : group)
      place = whole[part] != 1 ? part : place;
    if (whole[place] != pad.getResultType().getDimSize(axis))
      return std::nullopt;
    std::tie(shape[place], result.low[place], result.high[place]) = std::tuple(pad.getSourceType().getDimSize(axis), low[axis], high[axis]);
  }
  result.image = tensor::ExpandShapeOp::create(builder, value.getLoc(), pad.getSourceType().clone(shape), pad.getSource(), groups);
  return result;
}

/// The border need not be read if its codes stand for zero and nothing is computed from sums over whole windows. Along the axis of the
/// rows of a tile, what a place of the window adds to them then depends on the tile: known where one tile has all rows.
Value PackedMatmul::leaveOutBorder(Value image) {
  std::optional<Bordered> bordered = getBordered(rewriter, image);
  if (!bordered || !matchPattern(bordered->border, m_Zero()) || getLhsZeros() || offset != 0)
    return image;
  auto &[source, border, low, high] = *bordered;
  bool isOneTile = form.windows->getRun() == tile.rows;
  for (auto [axis, along] : llvm::enumerate(form.windows->axes)) {
    bool isTiled = along.row == form.windows->rows.size() - 1 && !isOneTile;
    if (along.tap && !isTiled)
      std::tie(windows->low[axis], windows->high[axis]) = std::pair(std::exchange(low[axis], 0), std::exchange(high[axis], 0));
  }
  return buildPad(rewriter, loc, source, low, high, border);
}

PackedMatmul::Operand PackedMatmul::prepareWindows() {
  const WindowView &view = *form.windows;
  unsigned rank = view.axes.size();
  windows = Windows{view, {}, SmallVector<int64_t>(rank, 0), SmallVector<int64_t>(rank, 0)};
  Value image = prepareCodes(leaveOutBorder(view.image), rank);

  // Channels as groups, codes of a byte, depth.
  ArrayRef<int64_t> channels = ArrayRef(splits[form.k].sizes).drop_front(reduction.numTaps);
  auto type = cast<RankedTensorType>(image.getType());
  SmallVector<int64_t> shape(type.getShape().drop_back());
  SmallVector<ReassociationIndices> groups;
  for (unsigned axis = 0; axis < rank; ++axis)
    groups.push_back({axis});
  groups.push_back(llvm::to_vector<2>(llvm::seq<int64_t>(rank, rank + channels.size())));
  llvm::append_range(shape, channels);
  windows->image = tensor::ExpandShapeOp::create(rewriter, loc, type.clone(shape), image, groups);

  // Stands for the rows until tiles of them are slices of the image.
  Value rows = tensor::EmptyOp::create(rewriter, loc, {form.rows, form.depth}, type.getElementType());
  return splitAxes({rows, op.getLhsMap()});
}

} // namespace mlir::lowbit
