//===- Scheme.cpp - blocks that share a scale -----------------------------===//

#include "lowbit/IR/Lowbit.h"

namespace mlir::lowbit {

LogicalResult SchemeAttr::verify(function_ref<InFlightDiagnostic()> emitError, NumberFormatAttrInterface format, DenseI64ArrayAttr block,
                                 Type scale, IntegerType zero, Scaling) {
  if (!format)
    return emitError() << "scheme needs a number format such as `#lowbit.int<8>`";
  if (scale && !scale.isF32() && !scale.isF16() && !scale.isBF16() && !isa<Float8E8M0FNUType, Float8E4M3FNType>(scale))
    return emitError() << "scale type " << scale << "; expected f32, f16, bf16, f8E8M0FNU or f8E4M3FN";
  if (zero && !format.hasZeroPoint())
    return emitError() << "format " << format << " has no zero point; remove `zero = " << zero << "`";
  if (zero && (!zero.isSignless() || zero.getWidth() > 32))
    return emitError() << "zero point type " << zero << "; expected a signless integer of at most 32 bits";
  if (block)
    for (auto [axis, size] : llvm::enumerate(block.asArrayRef()))
      if (size < 0)
        return emitError() << "block of " << size << " along axis " << axis << "; expected a positive size, or 0 for the whole axis";
  return success();
}

Type SchemeAttr::getScaleType() const { return getScale() ? getScale() : Float32Type::get(getContext()); }

FailureOr<SmallVector<int64_t>> SchemeAttr::getScaleShape(ArrayRef<int64_t> shape) const {
  if (isPerTensor())
    return SmallVector<int64_t>{};
  ArrayRef<int64_t> block = getBlock().asArrayRef();
  if (block.size() != shape.size())
    return failure();
  SmallVector<int64_t> scaleShape;
  for (auto [size, share] : llvm::zip_equal(shape, block)) {
    if (share == 0)
      scaleShape.push_back(1);
    else if (ShapedType::isDynamic(size))
      scaleShape.push_back(ShapedType::kDynamic);
    else if (size % share != 0)
      return failure();
    else
      scaleShape.push_back(size / share);
  }
  return scaleShape;
}

AffineMap SchemeAttr::getScaleMap(int64_t rank) const {
  MLIRContext *context = getContext();
  if (isPerTensor())
    return AffineMap::get(rank, 0, context);
  SmallVector<AffineExpr> results;
  for (auto [axis, share] : llvm::enumerate(getBlock().asArrayRef()))
    results.push_back(share == 0 ? getAffineConstantExpr(0, context) : getAffineDimExpr(axis, context).floorDiv(share));
  return AffineMap::get(rank, 0, results, context);
}

int64_t SchemeAttr::getBlockElements(ArrayRef<int64_t> shape) const {
  int64_t elements = 1;
  for (auto [axis, size] : llvm::enumerate(shape)) {
    int64_t share = isPerTensor() ? 0 : getBlock()[axis];
    int64_t extent = share == 0 ? size : share;
    if (ShapedType::isDynamic(extent))
      return ShapedType::kDynamic;
    elements *= extent;
  }
  return elements;
}

} // namespace mlir::lowbit
