//===- HostPacking.cpp - constants of codes on the host -------------------===//
// Law: the host packs by the same map as `lowbit.pack` means.

#include "lowbit/Packings/HostPacking.h"
#include "lowbit/IR/CodeConstants.h"
#include "lowbit/IR/ConstantBlob.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/AsmState.h"
#include "mlir/IR/DialectResourceBlobManager.h"
#include "mlir/IR/Matchers.h"

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

/// Calls `visit(i, place)` with the place of every code, counted through all bytes.
static void forEachPlace(ArrayRef<int64_t> shape, PackingAttrInterface packing, unsigned width,
                         function_ref<void(int64_t, int64_t)> visit) {
  SmallVector<int64_t> packedShape = packing.getPackedShape(shape, width);
  AffineMap map = packing.getPlaceMap(shape, width);
  packedShape.push_back(packing.getCodesPerByte(width));
  std::vector<std::vector<int64_t>> tables = getPlaceTables(map, shape, packedShape);
  SmallVector<int64_t> point(shape.size(), 0);
  for (int64_t i = 0, count = ShapedType::getNumElements(shape); i < count; ++i) {
    int64_t place = 0;
    if (!tables.empty()) {
      for (auto [axis, index] : llvm::enumerate(point))
        place += tables[axis][index];
    } else {
      for (auto [index, size] : llvm::zip(map.compose(point), packedShape))
        place = place * size + index;
    }
    visit(i, place);
    for (int64_t axis = shape.size() - 1; axis >= 0 && ++point[axis] == shape[axis]; --axis)
      point[axis] = 0;
  }
}

std::vector<char> packOnHost(ArrayRef<char> codes, ArrayRef<int64_t> shape, PackingAttrInterface packing, unsigned width) {
  std::vector<char> packed(ShapedType::getNumElements(packing.getPackedShape(shape, width)), 0);
  int64_t base = packing.getBase(width), perByte = packing.getCodesPerByte(width);
  SmallVector<int64_t> weights;
  for (int64_t place = 0; place < perByte; ++place)
    weights.push_back(getDigitWeight(base, place));
  forEachPlace(shape, packing, width, [&](int64_t i, int64_t place) {
    int64_t digit = std::min<int64_t>(static_cast<uint8_t>(codes[i]), base - 1);
    packed[place / perByte] = static_cast<char>(packed[place / perByte] + digit * weights[place % perByte]);
  });
  return packed;
}

static std::optional<std::vector<char>> readConstantCodes(ElementsAttr constant) {
  std::vector<char> codes(constant.getNumElements());
  if (auto text = dyn_cast<DenseStringElementsAttr>(constant)) {
    std::optional<std::string> bytes = getCodeBytes(text);
    return bytes ? std::optional(std::vector<char>(bytes->begin(), bytes->end())) : std::nullopt;
  }
  if (auto resource = dyn_cast<DenseResourceElementsAttr>(constant)) {
    AsmResourceBlob *blob = resource.getRawHandle().getBlob();
    if (!blob || blob->getData().size() != codes.size())
      return std::nullopt;
    llvm::copy(blob->getData(), codes.begin());
    return codes;
  }
  if (!constant.getElementType().isIntOrFloat() || constant.getElementType().getIntOrFloatBitWidth() > 8)
    return std::nullopt;
  if (auto floats = dyn_cast<DenseFPElementsAttr>(constant)) {
    for (auto [code, value] : llvm::zip_equal(codes, floats.getValues<APFloat>()))
      code = static_cast<char>(value.bitcastToAPInt().getZExtValue());
    return codes;
  }
  auto dense = dyn_cast<DenseIntElementsAttr>(constant);
  if (!dense)
    return std::nullopt;
  for (auto [code, value] : llvm::zip_equal(codes, dense.getValues<APInt>()))
    code = static_cast<char>(value.getZExtValue());
  return codes;
}

UnpackOp findUnpack(Value codes) {
  if (auto slice = codes.getDefiningOp<tensor::ExtractSliceOp>())
    if (slice.hasUnitStride() && slice.hasZeroOffset() && slice.getType().getRank() == slice.getSourceType().getRank())
      codes = slice.getSource();
  return codes.getDefiningOp<UnpackOp>();
}

std::optional<StoredCodes> findStoredCodes(Value codes) {
  UnpackOp unpack = findUnpack(codes);
  Value constant = unpack ? Value(unpack.getPacked()) : codes;
  return matchPattern(constant, m_Constant()) ? std::optional(StoredCodes{constant, unpack}) : std::nullopt;
}

/// The first codes along each axis, as many as `cut` says, of row-major ones.
static std::vector<char> cutOnHost(ArrayRef<char> codes, ArrayRef<int64_t> shape, ArrayRef<int64_t> cut) {
  std::vector<char> kept;
  kept.reserve(ShapedType::getNumElements(cut));
  SmallVector<int64_t> point(shape.size(), 0);
  for (char code : codes) {
    if (llvm::all_of(llvm::zip_equal(point, cut), [](auto axis) { return std::get<0>(axis) < std::get<1>(axis); }))
      kept.push_back(code);
    for (int64_t axis = shape.size() - 1; axis >= 0 && ++point[axis] == shape[axis]; --axis)
      point[axis] = 0;
  }
  return kept;
}

std::optional<std::vector<char>> readCodes(Value value) {
  std::optional<StoredCodes> stored = findStoredCodes(value);
  ElementsAttr constant;
  if (!stored || !matchPattern(stored->constant, m_Constant(&constant)))
    return std::nullopt;
  UnpackOp unpack = stored->unpack;
  if (!unpack)
    return readConstantCodes(constant);
  std::optional<ArrayRef<char>> packed = getConstantBytes(constant);
  if (!packed || (static_cast<int64_t>(packed->size()) != constant.getNumElements() && packed->size() != 1))
    return std::nullopt;
  bool isSplat = packed->size() == 1;
  auto type = cast<RankedTensorType>(unpack.getCodes().getType());
  unsigned width = unpack.getFormat().getWidth();
  std::vector<char> codes(type.getNumElements());
  int64_t perByte = unpack.getPacking().getCodesPerByte(width);
  forEachPlace(type.getShape(), unpack.getPacking(), width, [&](int64_t i, int64_t place) {
    auto byte = static_cast<uint8_t>((*packed)[isSplat ? 0 : place / perByte]);
    uint8_t code = unpack.getPacking().readCode(byte, width, place % perByte);
    codes[i] = static_cast<char>(code & llvm::maskTrailingOnes<unsigned>(width));
  });
  auto shape = cast<RankedTensorType>(value.getType()).getShape();
  return type.getShape() == shape ? codes : cutOnHost(codes, type.getShape(), shape);
}

DenseResourceElementsAttr makeResource(ShapedType type, StringRef name, ArrayRef<char> data) {
  return DenseResourceElementsAttr::get(type, name, makeBlob(data));
}

} // namespace mlir::lowbit
