//===- RowMajorPacking.cpp - codes in row-major order, low bits first -----===//

#include "lowbit/IR/Lowbit.h"
#include "llvm/Support/MathExtras.h"

namespace mlir::lowbit {

PackingAttrInterface getStoragePacking(MLIRContext *context) { return RowMajorPackingAttr::get(context); }

LogicalResult RowMajorPackingAttr::verifyPackable(ArrayRef<int64_t> shape, unsigned width,
                                                  function_ref<InFlightDiagnostic()> emitError) const {
  if (width > 8)
    return emitError() << "codes of " << width << " bits; expected at most 8";
  if (shape.empty() || shape.back() % getCodesPerByte(width) != 0)
    return emitError() << "the last axis of size " << (shape.empty() ? 0 : shape.back())
                       << " does not fill whole bytes; expected a multiple of " << getCodesPerByte(width);
  return success();
}

SmallVector<int64_t> RowMajorPackingAttr::getPackedShape(ArrayRef<int64_t> shape, unsigned width) const {
  SmallVector<int64_t> packed(shape);
  packed.back() /= getCodesPerByte(width);
  return packed;
}

AffineMap RowMajorPackingAttr::getPlaceMap(ArrayRef<int64_t> shape, unsigned width) const {
  int64_t perByte = getCodesPerByte(width), rank = shape.size();
  SmallVector<AffineExpr> results;
  for (int64_t axis = 0; axis + 1 < rank; ++axis)
    results.push_back(getAffineDimExpr(axis, getContext()));
  AffineExpr last = getAffineDimExpr(rank - 1, getContext());
  results.push_back(last.floorDiv(perByte));
  results.push_back(last % perByte);
  return AffineMap::get(rank, 0, results, getContext());
}

} // namespace mlir::lowbit
