//===- Windows.cpp - gradients of what is read in windows -----------------===//
// Law: an element's gradient is the sum over all windows that read it, in the order of offsets.

#include "Windows.h"
#include "lowbit/Training/Gradients.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Utils/IndexingUtils.h"

namespace mlir::lowbit {

namespace {
/// An axis: `position * stride + offset * dilation`; without an offset, one loop.
struct WindowAxis {
  AffineExpr position;
  int64_t stride = 1;
  AffineExpr offset;
  int64_t dilation = 1;

  static unsigned getLoop(AffineExpr dim) { return cast<AffineDimExpr>(dim).getPosition(); }
};
} // namespace

/// A loop, and what it is multiplied by.
static std::optional<std::pair<AffineExpr, int64_t>> getTerm(AffineExpr expr) {
  if (isa<AffineDimExpr>(expr))
    return std::pair(expr, int64_t(1));
  auto product = dyn_cast<AffineBinaryOpExpr>(expr);
  if (!product || product.getKind() != AffineExprKind::Mul)
    return std::nullopt;
  auto factor = dyn_cast<AffineConstantExpr>(product.getRHS());
  if (!isa<AffineDimExpr>(product.getLHS()) || !factor || factor.getValue() < 1)
    return std::nullopt;
  return std::pair(product.getLHS(), factor.getValue());
}

static std::optional<WindowAxis> getWindowAxis(AffineExpr expr) {
  if (isa<AffineDimExpr>(expr))
    return WindowAxis{expr, 1, {}, 1};
  auto sum = dyn_cast<AffineBinaryOpExpr>(expr);
  if (!sum || sum.getKind() != AffineExprKind::Add)
    return std::nullopt;
  auto first = getTerm(sum.getLHS()), second = getTerm(sum.getRHS());
  if (!first || !second)
    return std::nullopt;
  return WindowAxis{first->first, first->second, second->first, second->second};
}

/// Whether windows lie side by side and leave nothing out: then their elements, in order, are those of `like`.
static bool areTiles(ArrayRef<WindowAxis> axes, RankedTensorType like, ArrayRef<int64_t> ranges) {
  for (auto [axis, size] : llvm::zip_equal(axes, like.getShape())) {
    int64_t positions = ranges[WindowAxis::getLoop(axis.position)];
    int64_t offsets = axis.offset ? ranges[WindowAxis::getLoop(axis.offset)] : 1;
    if (axis.stride != offsets || (axis.offset && axis.dilation != 1) || positions * offsets != size)
      return false;
  }
  return true;
}

FailureOr<SmallVector<AffineExpr>> getUnfoldedLoops(AffineMap map, RankedTensorType type, ArrayRef<int64_t> ranges) {
  SmallVector<AffineExpr> loops, positions;
  SmallVector<WindowAxis> axes;
  for (AffineExpr expr : map.getResults()) {
    std::optional<WindowAxis> axis = getWindowAxis(expr);
    if (!axis)
      return failure();
    axes.push_back(*axis);
    positions.push_back(axis->position);
    for (AffineExpr loop : {axis->position, axis->offset})
      if (loop) {
        if (llvm::is_contained(loops, loop))
          return failure();
        loops.push_back(loop);
      }
  }
  // In the order of the op's loops, windows are often there as they are: nothing is transposed.
  auto isBefore = [](AffineExpr a, AffineExpr b) { return WindowAxis::getLoop(a) < WindowAxis::getLoop(b); };
  if (llvm::is_sorted(positions, isBefore) && !areTiles(axes, type, ranges))
    llvm::sort(loops, isBefore);
  return loops;
}

Value foldWindows(OpBuilder &builder, Location loc, Value unfolded, ArrayRef<AffineExpr> loops, Value like, AffineMap map,
                  ArrayRef<int64_t> ranges) {
  SmallVector<WindowAxis> axes;
  for (AffineExpr expr : map.getResults())
    axes.push_back(*getWindowAxis(expr));
  SmallVector<int64_t> offsetRanges;
  for (const WindowAxis &axis : axes)
    if (axis.offset)
      offsetRanges.push_back(ranges[WindowAxis::getLoop(axis.offset)]);
  auto type = cast<RankedTensorType>(like.getType());
  if (areTiles(axes, type, ranges)) {
    SmallVector<ReassociationIndices> groups;
    int64_t next = 0;
    for (const WindowAxis &axis : axes) {
      groups.push_back({next++});
      if (axis.offset)
        groups.back().push_back(next++);
    }
    return tensor::CollapseShapeOp::create(builder, loc, type, unfolded, groups);
  }
  SmallVector<int64_t> sizes;
  for (const WindowAxis &axis : axes)
    sizes.push_back(ranges[WindowAxis::getLoop(axis.position)]);
  auto partType = RankedTensorType::get(sizes, type.getElementType());

  auto attrs = [&](ArrayRef<int64_t> values) { return getAsIndexOpFoldResult(builder.getContext(), values); };
  Value sum = buildZerosLike(builder, loc, like);
  SmallVector<int64_t> strides = computeSuffixProduct(offsetRanges);
  for (int64_t i = 0, e = computeProduct(offsetRanges); i != e; ++i) {
    SmallVector<int64_t> offsets = delinearize(i, strides);
    // The windows' elements at these offsets: one an axis of `like`.
    SmallVector<int64_t> from(loops.size(), 0), fromSizes, toOffsets, toStrides;
    for (AffineExpr loop : loops)
      fromSizes.push_back(ranges[WindowAxis::getLoop(loop)]);
    const int64_t *next = offsets.begin();
    for (const WindowAxis &axis : axes) {
      toOffsets.push_back(0);
      toStrides.push_back(axis.stride);
      if (!axis.offset)
        continue;
      toOffsets.back() = *next * axis.dilation;
      int64_t place = llvm::find(loops, axis.offset) - loops.begin();
      from[place] = *next++;
      fromSizes[place] = 1;
    }
    SmallVector<int64_t> ones(from.size(), 1);
    Value part = tensor::ExtractSliceOp::create(builder, loc, partType, unfolded, attrs(from), attrs(fromSizes), attrs(ones));
    Value old = tensor::ExtractSliceOp::create(builder, loc, partType, sum, attrs(toOffsets), attrs(sizes), attrs(toStrides));
    Value empty = tensor::EmptyOp::create(builder, loc, sizes, type.getElementType());
    Value added = linalg::AddOp::create(builder, loc, ValueRange{old, part}, empty).getResult(0);
    sum = tensor::InsertSliceOp::create(builder, loc, added, sum, attrs(toOffsets), attrs(sizes), attrs(toStrides));
  }
  return sum;
}

} // namespace mlir::lowbit
