//===- PanelPacking.cpp - panels for dot-product instructions -------------===//

#include "lowbit/IR/Lowbit.h"

namespace mlir::lowbit {

PackingAttrInterface getPanelPacking(MLIRContext *context, int64_t columns, int64_t depth, bool transposed, int64_t base) {
  return PanelPackingAttr::get(context, columns, depth, transposed, base);
}

LogicalResult PanelPackingAttr::verify(function_ref<InFlightDiagnostic()> emitError, int64_t columns, int64_t depth, bool, int64_t base) {
  if (columns < 1 || depth < 1)
    return emitError() << "panel of " << columns << " columns and depth " << depth << "; expected positive sizes";
  if (base != 0 && base != 3)
    return emitError() << "panel of digits to base " << base << "; expected 3, or none for fields of bits";
  return success();
}

int64_t PanelPackingAttr::getBase(unsigned width) const { return getBase() != 0 ? getBase() : int64_t(1) << llvm::PowerOf2Ceil(width); }

LogicalResult PanelPackingAttr::verifyPackable(ArrayRef<int64_t> shape, unsigned width,
                                               function_ref<InFlightDiagnostic()> emitError) const {
  if (width > 8)
    return emitError() << "codes of " << width << " bits in panels; expected at most 8";
  if (getBase() != 0 && width != 2)
    return emitError() << "codes of " << width << " bits as digits to base " << getBase() << "; expected 2";
  if (shape.size() < 2)
    return emitError() << "codes of rank " << shape.size() << " in panels; expected at least 2";
  int64_t columns = getTransposed() ? shape[shape.size() - 2] : shape.back();
  int64_t depth = getTransposed() ? shape.back() : shape[shape.size() - 2];
  int64_t groupDepth = getDepth() * getCodesPerByte(width);
  if (columns % getColumns() != 0 || depth % groupDepth != 0)
    return emitError() << depth << " x " << columns << " codes (depth x columns) do not divide into panels of " << groupDepth << " x "
                       << getColumns() << "; pad them first";
  return success();
}

SmallVector<int64_t> PanelPackingAttr::getPackedShape(ArrayRef<int64_t> shape, unsigned width) const {
  SmallVector<int64_t> packed(shape.drop_back(2));
  int64_t columns = getTransposed() ? shape[shape.size() - 2] : shape.back();
  int64_t depth = getTransposed() ? shape.back() : shape[shape.size() - 2];
  packed.append({columns / getColumns(), depth / (getDepth() * getCodesPerByte(width)), getColumns(), getDepth()});
  return packed;
}

AffineMap PanelPackingAttr::getPlaceMap(ArrayRef<int64_t> shape, unsigned width) const {
  int64_t rank = shape.size();
  SmallVector<AffineExpr> results;
  for (int64_t axis = 0; axis + 2 < rank; ++axis)
    results.push_back(getAffineDimExpr(axis, getContext()));
  AffineExpr depth = getAffineDimExpr(getTransposed() ? rank - 1 : rank - 2, getContext());
  AffineExpr column = getAffineDimExpr(getTransposed() ? rank - 2 : rank - 1, getContext());
  int64_t codes = getCodesPerByte(width);
  results.append({column.floorDiv(getColumns()), depth.floorDiv(getDepth() * codes), column % getColumns(), depth % getDepth(),
                  depth.floorDiv(getDepth()) % codes});
  return AffineMap::get(rank, 0, results, getContext());
}

} // namespace mlir::lowbit
