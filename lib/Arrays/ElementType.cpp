//===- ElementType.cpp - element types of arrays, and what numpy calls them ===//
// Law: a value that passes the border keeps every bit; one that the type cannot hold is refused, never wrapped.

#include "lowbit/Arrays/ElementType.h"
#include "mlir/IR/BuiltinTypes.h"
#include "llvm/Support/MathExtras.h"

namespace mlir::lowbit {

std::string StorageType::getName() const {
  switch (kind) {
  case 'b':
    return "bool";
  case 'i':
    return "int" + std::to_string(bytes * 8);
  case 'u':
    return "uint" + std::to_string(bytes * 8);
  case 'f':
    return "float" + std::to_string(bytes * 8);
  default:
    return "V" + std::to_string(bytes);
  }
}

std::optional<ElementType> ElementType::get(Type type) {
  ElementType result;
  llvm::raw_string_ostream(result.name) << type;
  if (type.isIndex()) {
    result.bits = 64;
    result.integer = result.isSigned = true;
    result.storage = {'i', 8};
    return result;
  }
  if (auto integer = dyn_cast<IntegerType>(type)) {
    if (integer.getWidth() == 0 || integer.getWidth() > 64)
      return std::nullopt;
    result.bits = integer.getWidth();
    result.integer = true;
    result.isSigned = integer.isSigned();
    result.isUnsigned = integer.isUnsigned();
    unsigned bytes = llvm::PowerOf2Ceil(llvm::divideCeil(result.bits, 8));
    result.storage = {integer.isUnsigned() ? 'u' : 'i', bytes};
    if (type.isSignlessInteger(1))
      result.storage.kind = 'b';
    return result;
  }
  auto real = dyn_cast<FloatType>(type);
  if (!real || real.getWidth() > 64)
    return std::nullopt;
  result.bits = real.getWidth();
  bool native = isa<Float16Type, Float32Type, Float64Type>(type);
  // Numpy has no name for the others; ml_dtypes stores them as raw bytes.
  result.storage = {native ? 'f' : 'V', unsigned(llvm::divideCeil(result.bits, 8))};
  return result;
}

bool ElementType::accepts(StorageType other) const {
  if (other.bytes != storage.bytes)
    return false;
  if (other == storage)
    return true;
  if (!integer) // raw bits of a float numpy cannot name
    return storage.kind == 'V' && other.kind == 'u';
  if (storage.kind == 'b')
    return false;
  if (other.kind == 'V') // ml_dtypes' int4, uint2, …
    return isNarrow();
  bool ofEitherSign = !isSigned && !isUnsigned;
  return ofEitherSign && (other.kind == 'i' || other.kind == 'u');
}

bool ElementType::narrow(uint64_t &value, StorageType from) const {
  if (bits == 64)
    return true;
  uint64_t mask = llvm::maskTrailingOnes<uint64_t>(bits);
  unsigned storedBits = from.bytes * 8;
  bool fitsUnsigned = value <= mask;
  int64_t asSigned = llvm::SignExtend64(value, storedBits);
  bool fitsSigned = from.kind != 'u' && llvm::isIntN(bits, asSigned);
  bool fits = isUnsigned || !integer ? fitsUnsigned : isSigned ? fitsSigned : fitsUnsigned || fitsSigned;
  value &= mask;
  return fits;
}

uint64_t ElementType::widen(uint64_t value) const {
  value &= llvm::maskTrailingOnes<uint64_t>(bits);
  return storage.kind == 'i' ? static_cast<uint64_t>(llvm::SignExtend64(value, bits)) : value;
}

} // namespace mlir::lowbit
