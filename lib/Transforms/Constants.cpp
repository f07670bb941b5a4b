//===- Constants.cpp - constant tensors on the host -----------------------===//

#include "lowbit/Transforms/Constants.h"
#include "lowbit/IR/CodeConstants.h"
#include "lowbit/IR/ConstantBlob.h"
#include "lowbit/IR/Lowbit.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/DialectResourceBlobManager.h"
#include "mlir/IR/Matchers.h"

namespace mlir::lowbit {

ElementsAttr getConstantElements(Value value) {
  ElementsAttr elements;
  return matchPattern(value, m_Constant(&elements)) ? elements : ElementsAttr();
}

static unsigned getByteWidth(Type element) { return (element.getIntOrFloatBitWidth() + 7) / 8; }

/// The raw bytes of a resource; failure after an error when they are not what the type needs.
static FailureOr<ArrayRef<char>> getResourceBytes(Operation *op, DenseResourceElementsAttr resource, int64_t expected) {
  StringRef key = resource.getRawHandle().getKey();
  AsmResourceBlob *blob = resource.getRawHandle().getBlob();
  if (!blob)
    return op->emitError() << "resource `" << key << "` has no data; the module was printed without its resources";
  if (static_cast<int64_t>(blob->getData().size()) != expected)
    return op->emitError() << "resource `" << key << "` has " << blob->getData().size() << " bytes, but " << resource.getType() << " needs "
                           << expected;
  return blob->getData();
}

/// The low `width` bits at `bytes`.
static uint64_t readBits(const char *bytes, unsigned byteWidth) {
  uint64_t bits = 0;
  std::memcpy(&bits, bytes, byteWidth);
  return bits;
}

FailureOr<std::vector<float>> readReals(Operation *op, ElementsAttr elements) {
  auto type = cast<FloatType>(elements.getElementType());
  std::vector<float> reals(elements.getNumElements());
  auto toFloat = [&](APFloat value) {
    bool losesInfo;
    value.convert(APFloat::IEEEsingle(), APFloat::rmNearestTiesToEven, &losesInfo);
    return value.convertToFloat();
  };
  if (auto resource = dyn_cast<DenseResourceElementsAttr>(elements)) {
    unsigned width = getByteWidth(type);
    FailureOr<ArrayRef<char>> bytes = getResourceBytes(op, resource, static_cast<int64_t>(reals.size()) * width);
    if (failed(bytes))
      return failure();
    if (type.isF32())
      std::memcpy(reals.data(), bytes->data(), bytes->size());
    else
      for (size_t i = 0; i < reals.size(); ++i)
        reals[i] = toFloat(APFloat(type.getFloatSemantics(), APInt(type.getWidth(), readBits(bytes->data() + i * width, width))));
    return reals;
  }
  auto dense = dyn_cast<DenseFPElementsAttr>(elements);
  if (!dense)
    return op->emitError() << "constant of kind " << elements << " cannot be read; expected `dense` or `dense_resource`";
  for (auto [real, value] : llvm::zip_equal(reals, dense.getValues<APFloat>()))
    real = toFloat(value);
  return reals;
}

FailureOr<std::vector<int64_t>> readIntegers(Operation *op, ElementsAttr elements) {
  unsigned bits = elements.getElementType().getIntOrFloatBitWidth();
  std::vector<int64_t> integers(elements.getNumElements());
  if (auto resource = dyn_cast<DenseResourceElementsAttr>(elements)) {
    unsigned width = getByteWidth(elements.getElementType());
    FailureOr<ArrayRef<char>> bytes = getResourceBytes(op, resource, static_cast<int64_t>(integers.size()) * width);
    if (failed(bytes))
      return failure();
    for (size_t i = 0; i < integers.size(); ++i)
      integers[i] = llvm::SignExtend64(readBits(bytes->data() + i * width, width), bits);
    return integers;
  }
  auto dense = dyn_cast<DenseIntElementsAttr>(elements);
  if (!dense)
    return op->emitError() << "constant of kind " << elements << " cannot be read; expected `dense` or `dense_resource`";
  for (auto [integer, value] : llvm::zip_equal(integers, dense.getValues<APInt>()))
    integer = value.getSExtValue();
  return integers;
}

ElementsAttr buildElements(RankedTensorType type, ArrayRef<char> bytes, StringRef key) {
  Type element = type.getElementType();
  if (type.getNumElements() <= kInlineElements && element.isIntOrFloat()) {
    unsigned bits = element.getIntOrFloatBitWidth(), width = getByteWidth(element);
    SmallVector<APInt> values;
    for (int64_t i = 0; i < type.getNumElements(); ++i)
      values.emplace_back(bits, readBits(bytes.data() + i * width, width), /*isSigned=*/false, /*implicitTrunc=*/true);
    if (isa<IntegerType>(element))
      return DenseElementsAttr::get(type, values);
    SmallVector<APFloat> reals;
    for (const APInt &value : values)
      reals.emplace_back(cast<FloatType>(element).getFloatSemantics(), value);
    return DenseElementsAttr::get(type, reals);
  }
  return DenseResourceElementsAttr::get(type, key, makeBlob(bytes));
}

bool isSplat(ElementsAttr elements) { return elements.isSplat() && !isa<DenseStringElementsAttr>(elements); }

uint64_t getStoredBytes(ElementsAttr elements) {
  Type type = getStoredType(elements.getElementType());
  uint64_t width = type.isIntOrFloat() ? getByteWidth(type) : type.isIndex() ? 8 : 1;
  return width * (isSplat(elements) ? 1 : elements.getNumElements());
}

StringRef getResourceKey(ElementsAttr elements, StringRef fallback) {
  auto resource = dyn_cast_or_null<DenseResourceElementsAttr>(elements);
  return resource ? resource.getRawHandle().getKey() : fallback;
}

std::string formatIndex(ArrayRef<int64_t> shape, int64_t flat) {
  SmallVector<int64_t> index(shape.size());
  for (size_t axis = shape.size(); axis-- > 0;) {
    index[axis] = flat % shape[axis];
    flat /= shape[axis];
  }
  std::string text;
  llvm::raw_string_ostream os(text);
  os << "[";
  llvm::interleaveComma(index, os);
  os << "]";
  return text;
}

} // namespace mlir::lowbit
