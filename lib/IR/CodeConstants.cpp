//===- CodeConstants.cpp - constants of codes and resources ---------------===//

#include "lowbit/IR/CodeConstants.h"
#include "lowbit/IR/Lowbit.h"
#include "mlir/IR/DialectResourceBlobManager.h"
#include "mlir/IR/Matchers.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/CheckedArithmetic.h"
#include "llvm/Support/MathExtras.h"

namespace mlir::lowbit {

std::optional<std::string> getCodeBytes(DenseStringElementsAttr constant) {
  StringRef text = constant.isSplat() ? constant.getSplatValue<StringRef>() : "";
  std::string bytes;
  if (text.consume_front("0x") && llvm::tryGetFromHex(text, bytes) &&
      static_cast<int64_t>(bytes.size()) == constant.getType().getNumElements())
    return bytes;
  return std::nullopt;
}

Type getStoredType(Type element) {
  auto code = dyn_cast<CodeType>(element);
  return code ? code.getFormat().getStorageType() : element;
}

std::optional<int64_t> getResourceSize(ShapedType type) {
  Type element = getStoredType(type.getElementType());
  if (!element.isIntOrIndexOrFloat())
    return std::nullopt;
  int64_t size = element.isIndex() ? 8 : llvm::divideCeil(element.getIntOrFloatBitWidth(), 8);
  for (int64_t extent : type.getShape()) {
    std::optional<int64_t> product = llvm::checkedMul(size, extent);
    if (!product)
      return std::nullopt;
    size = *product;
  }
  return size;
}

LogicalResult verifyConstant(Attribute constant, function_ref<InFlightDiagnostic()> emitError) {
  if (auto text = dyn_cast_or_null<DenseStringElementsAttr>(constant)) {
    if (!isa<CodeType>(text.getElementType()) || getCodeBytes(text))
      return success();
    return emitError() << "constant of type " << text.getType() << " is not hexadecimal text with a byte for each code; expected dense<\"0x"
                       << "…\"> with " << 2 * text.getType().getNumElements() << " digits";
  }
  auto resource = dyn_cast_or_null<DenseResourceElementsAttr>(constant);
  AsmResourceBlob *blob = resource ? resource.getRawHandle().getBlob() : nullptr;
  if (!blob)
    return success();
  std::optional<int64_t> expected = getResourceSize(resource.getType());
  if (!expected)
    return emitError() << "resource `" << resource.getRawHandle().getKey() << "` is of type " << resource.getType()
                       << ", whose bytes cannot be counted";
  int64_t found = blob->getData().size();
  if (found == *expected)
    return success();
  return emitError() << "resource `" << resource.getRawHandle().getKey() << "` has " << found << " bytes, but " << resource.getType()
                     << " needs " << *expected;
}

LogicalResult verifyConstantOperands(Operation *op) {
  for (Value operand : op->getOperands()) {
    Attribute constant;
    if (matchPattern(operand, m_Constant(&constant)) && failed(verifyConstant(constant, [&] { return op->emitOpError(); })))
      return failure();
  }
  return success();
}

} // namespace mlir::lowbit
