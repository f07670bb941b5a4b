//===- HostPacking.cpp - constants of codes on the host -------------------===//
// Law: the host packs by the same map as `lowbit.pack` means.

#include "lowbit/Packings/HostPacking.h"
#include "mlir/IR/AsmState.h"
#include "mlir/IR/DialectResourceBlobManager.h"

namespace mlir::lowbit {

std::optional<ArrayRef<char>> getConstantBytes(ElementsAttr attr) {
  int64_t width = attr.getElementType().isIntOrFloat() ? attr.getElementType().getIntOrFloatBitWidth() : 0;
  if (width == 0 || width % 8 != 0)
    return std::nullopt;
  if (auto dense = dyn_cast<DenseElementsAttr>(attr))
    return dense.getRawData();
  auto resource = dyn_cast<DenseResourceElementsAttr>(attr);
  AsmResourceBlob *blob = resource ? resource.getRawHandle().getBlob() : nullptr;
  if (!blob || static_cast<int64_t>(blob->getData().size()) != attr.getNumElements() * (width / 8))
    return std::nullopt;
  return blob->getData();
}

std::vector<char> padOnHost(ArrayRef<char> codes, ArrayRef<int64_t> shape, ArrayRef<int64_t> paddedShape) {
  std::vector<char> padded(ShapedType::getNumElements(paddedShape), 0);
  int64_t last = shape.back(), lines = last == 0 ? 0 : ShapedType::getNumElements(shape) / last;
  bool isSplat = codes.size() == 1;
  for (int64_t line = 0; line < lines; ++line) {
    int64_t rest = line, target = 0, stride = paddedShape.back();
    for (int64_t axis = shape.size() - 2; axis >= 0; --axis) {
      target += rest % shape[axis] * stride;
      rest /= shape[axis];
      stride *= paddedShape[axis];
    }
    if (isSplat)
      std::fill_n(padded.begin() + target, last, codes[0]);
    else
      std::copy_n(codes.begin() + line * last, last, padded.begin() + target);
  }
  return padded;
}

/// What each coordinate adds to the place of a code, axis by axis; empty when the map mixes coordinates of two axes in one result.
static std::vector<std::vector<int64_t>> getPlaceTables(AffineMap map, ArrayRef<int64_t> shape, ArrayRef<int64_t> packedShape) {
  std::vector<std::vector<int64_t>> tables;
  for (int64_t size : shape)
    tables.emplace_back(size, 0);
  int64_t stride = 1;
  for (int64_t result = packedShape.size() - 1; result >= 0; --result) {
    AffineMap single = map.getSubMap(static_cast<unsigned>(result));
    int64_t users = 0;
    for (unsigned axis = 0; axis < shape.size(); ++axis) {
      if (!single.isFunctionOfDim(axis))
        continue;
      ++users;
      SmallVector<int64_t> point(shape.size(), 0);
      for (int64_t &i = point[axis]; i < shape[axis]; ++i)
        tables[axis][i] += stride * single.compose(point).front();
    }
    if (users > 1)
      return {};
    stride *= packedShape[result];
  }
  return tables;
}

std::vector<char> packOnHost(ArrayRef<char> codes, ArrayRef<int64_t> shape, PackingAttrInterface packing) {
  SmallVector<int64_t> packedShape = packing.getPackedShape(shape, 8);
  AffineMap map = packing.getBitMap(shape, 8);
  std::vector<std::vector<int64_t>> tables = getPlaceTables(map, shape, packedShape);
  std::vector<char> packed(ShapedType::getNumElements(packedShape), 0);
  SmallVector<int64_t> point(shape.size(), 0);
  for (char code : codes) {
    int64_t place = 0;
    if (!tables.empty()) {
      for (auto [axis, i] : llvm::enumerate(point))
        place += tables[axis][i];
    } else {
      SmallVector<int64_t> indices = map.compose(point);
      for (auto [i, size] : llvm::enumerate(packedShape))
        place = place * size + indices[i];
    }
    packed[place] = code;
    for (int64_t axis = shape.size() - 1; axis >= 0 && ++point[axis] == shape[axis]; --axis)
      point[axis] = 0;
  }
  return packed;
}

DenseResourceElementsAttr makeResource(ShapedType type, StringRef name, ArrayRef<char> data) {
  return DenseResourceElementsAttr::get(type, name, HeapAsmResourceBlob::allocateAndCopyWithAlign(data, 64));
}

} // namespace mlir::lowbit
