//===- Constants.cpp - weights beside the code, not in it -----------------===//
// Law: bytes are moved as they are; a resource whose size is not its type's is refused, since upstream never compares them.

#include "Constants.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/IR/DialectResourceBlobManager.h"

namespace mlir::lowbit {

/// Smaller ones stay where the optimizer sees their values.
static constexpr size_t minExternalBytes = 4096;

/// The bytes of a constant as compiled code reads them; none where they are stored otherwise (splats, elements under 8 bits).
static std::optional<ArrayRef<char>> getPlainBytes(Attribute value) {
  auto elements = dyn_cast_or_null<ElementsAttr>(value);
  if (!elements || !elements.getElementType().isIntOrFloat() || elements.getElementType().getIntOrFloatBitWidth() % 8 != 0)
    return std::nullopt;
  if (auto resource = dyn_cast<DenseResourceElementsAttr>(value))
    if (AsmResourceBlob *blob = resource.getRawHandle().getBlob())
      return blob->getData();
  if (auto dense = dyn_cast<DenseElementsAttr>(value); dense && !dense.isSplat() && !isa<DenseStringElementsAttr>(dense))
    return dense.getRawData();
  return std::nullopt;
}

static LogicalResult checkSize(LLVM::GlobalOp global, ElementsAttr elements, size_t numBytes) {
  uint64_t expected = elements.getNumElements() * (elements.getElementType().getIntOrFloatBitWidth() / 8);
  if (numBytes == expected)
    return success();
  return emitError(global.getLoc()) << "resource of constant `" << global.getSymName() << "` holds " << numBytes << " bytes; expected "
                                    << expected << " for " << elements.getShapedType();
}

LogicalResult externalizeConstants(ModuleOp module, std::vector<Array> &storage, SmallVectorImpl<RuntimeSymbol> &symbols,
                                   Array::Place place) {
  for (auto global : module.getOps<LLVM::GlobalOp>()) {
    Attribute value = global.getValueOrNull();
    std::optional<ArrayRef<char>> bytes = getPlainBytes(value);
    if (!bytes)
      continue;
    if (failed(checkSize(global, cast<ElementsAttr>(value), bytes->size())))
      return failure();
    if (!global.getConstant() || bytes->size() < minExternalBytes)
      continue;
    llvm::Expected<Array> array = Array::create({'u', 1}, static_cast<int64_t>(bytes->size()), place);
    if (!array)
      return emitError(global.getLoc()) << llvm::toString(array.takeError());
    std::memcpy(array->getData(), bytes->data(), bytes->size());
    symbols.push_back({global.getSymName().str(), array->getData()});
    storage.push_back(std::move(*array));
    global.removeValueAttr();
    global.setLinkage(LLVM::Linkage::External);
  }
  return success();
}

} // namespace mlir::lowbit
