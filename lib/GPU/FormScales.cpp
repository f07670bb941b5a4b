//===- FormScales.cpp - scales that change along the reduction -------------===//
// Law: a group and a row, or a column, have the scale of the block that they lie in.

#include "FormScales.h"
#include "lowbit/Conversion/BlockView.h"
#include "lowbit/Packings/HostPacking.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Utils/IndexingUtils.h"
#include "mlir/IR/Matchers.h"
#include "llvm/Support/MathExtras.h"

namespace mlir::lowbit {

int64_t getReductionGroup(ContractOp op, const ContractAxes &axes) { return getReductionBlocks(op)[axes.getDepthLoop()]; }

std::string getReductionGroupObstacle(ContractOp op, const ContractAxes &axes, const GPUArchitecture *gpu) {
  constexpr int64_t smallest = 32, largest = 4096;
  int64_t group = getReductionGroup(op, axes);
  if (group == 0)
    return "";
  if (gpu && (!gpu->hasAsyncCopy || !gpu->hasByteMma))
    return (gpu->chip + " has no kernel for scales that change along the reduction").str();
  if (op.getLhsZeros() || op.getRhsZeros())
    return "scales change along the reduction, and there are zero points";
  if (axes.hasSwappedSides() && op.getLhsScales() && op.getRhsScales())
    return "scales change along the reduction, and sides that change places would be multiplied in another order";
  if (axes.hasBatches())
    return "scales change along the reduction of batches";
  if (group < smallest || group > largest || !llvm::isPowerOf2_64(group))
    return "scales change along the reduction every " + std::to_string(group) + "; expected a power of two from " +
           std::to_string(smallest) + " to " + std::to_string(largest);
  return "";
}

namespace {
/// An axis of a side: scales along it, and how often each is repeated.
struct Axis {
  int64_t scales, repeats;
};

struct Former {
  RewriterBase &rewriter;
  Location loc;
  Value scales;
  SmallVector<int64_t> order; ///< Of the axes of scales; the reduction is the last.
  SmallVector<Axis> axes;     ///< In that order.
  bool isLhs;

  int64_t getSize() const {
    int64_t size = 1;
    for (Axis axis : axes)
      size *= axis.scales * axis.repeats;
    return size;
  }
  int64_t getGroups() const { return axes.back().scales * axes.back().repeats; }
  SmallVector<int64_t> getShape() const {
    int64_t rows = getSize() / getGroups();
    return isLhs ? SmallVector<int64_t>{rows, getGroups()} : SmallVector<int64_t>{getGroups(), rows};
  }

  Value formConstant(ElementsAttr constant, ArrayRef<char> bytes) {
    auto type = cast<RankedTensorType>(scales.getType());
    int64_t width = type.getElementTypeBitWidth() / 8, size = getSize(), groups = getGroups();
    bool isSplat = constant.isSplat();
    SmallVector<int64_t> strides = applyPermutation(ArrayRef<int64_t>(computeStrides(type.getShape())), order), sizes;
    for (Axis axis : axes)
      sizes.push_back(axis.scales * axis.repeats);
    SmallVector<int64_t> basis = computeStrides(sizes);
    std::vector<char> formed(size * width);
    for (int64_t i = 0; i < size; ++i) {
      SmallVector<int64_t> index = delinearize(i, basis);
      for (auto [at, axis] : llvm::zip(index, axes))
        at /= axis.repeats;
      int64_t place = isLhs ? i : i % groups * (size / groups) + i / groups, source = isSplat ? 0 : linearize(index, strides);
      std::copy_n(bytes.begin() + source * width, width, formed.begin() + place * width);
    }
    return arith::ConstantOp::create(rewriter, loc, makeResource(type.clone(getShape()), "scales", formed));
  }

  Value form() {
    ElementsAttr constant;
    if (matchPattern(scales, m_Constant(&constant)))
      if (std::optional<ArrayRef<char>> bytes = getConstantBytes(constant))
        return formConstant(constant, *bytes);
    Value turned = buildTransposed(rewriter, loc, scales, order);
    // Loops of scales and of repeats in turn.
    SmallVector<int64_t> sizes;
    SmallVector<AffineExpr> read;
    for (auto [i, axis] : llvm::enumerate(axes)) {
      sizes.append({axis.scales, axis.repeats});
      read.push_back(rewriter.getAffineDimExpr(2 * i));
    }
    if (llvm::any_of(axes, [](Axis axis) { return axis.repeats != 1; })) {
      Value empty = tensor::EmptyOp::create(rewriter, loc, sizes, cast<RankedTensorType>(turned.getType()).getElementType());
      AffineMap maps[] = {AffineMap::get(sizes.size(), 0, read, rewriter.getContext()), rewriter.getMultiDimIdentityMap(sizes.size())};
      turned = buildGeneric(rewriter, loc, turned, empty, maps, [](OpBuilder &, Location, ValueRange elements) { return elements[0]; });
    }
    turned = buildReshaped(rewriter, loc, turned, {getSize() / getGroups(), getGroups()});
    return isLhs ? turned : buildTransposed(rewriter, loc, turned, {1, 0});
  }
};
} // namespace

Value formGroupScales(RewriterBase &rewriter, ContractOp op, const ContractAxes &axes, ContractOperand side) {
  if (!changesAlongReductions(op, side))
    return nullptr;
  bool isLhs = side == ContractOperand::Lhs;
  Value scales = isLhs ? op.getLhsScales() : op.getRhsScales(), codes = isLhs ? op.getLhs() : op.getRhs();
  ArrayRef<int64_t> sizes = cast<RankedTensorType>(codes.getType()).getShape(), shape = cast<RankedTensorType>(scales.getType()).getShape();
  Former former{rewriter, op.getLoc(), scales, axes.getSideAxes(isLhs ? op.getLhsMap() : op.getRhsMap(), isLhs), {}, isLhs};
  for (int64_t axis : former.order)
    former.axes.push_back({shape[axis], sizes[axis] / shape[axis]});
  former.axes.back().repeats /= getReductionGroup(op, axes);
  return former.form();
}

} // namespace mlir::lowbit
