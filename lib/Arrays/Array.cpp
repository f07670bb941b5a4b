//===- Array.cpp - dense arrays outside the compiler ----------------------===//

#include "lowbit/Arrays/Array.h"
#include "mlir/IR/BuiltinTypeInterfaces.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/MathExtras.h"

namespace mlir::lowbit {

/// Wide enough for any vector register, and a cache line.
static constexpr uint64_t arrayAlignment = 64;

std::optional<uint64_t> countElements(ArrayRef<int64_t> shape) {
  int64_t count = 1;
  bool empty = llvm::is_contained(shape, 0);
  for (int64_t size : shape) {
    if (size < 0)
      return std::nullopt;
    if (!empty && llvm::MulOverflow(count, size, count))
      return std::nullopt;
  }
  return empty ? 0 : static_cast<uint64_t>(count);
}

llvm::Expected<Array> Array::create(StorageType type, ArrayRef<int64_t> shape, Place place) {
  std::optional<uint64_t> count = countElements(shape);
  int64_t numBytes = 0;
  if (!count || llvm::MulOverflow<int64_t>(*count, type.bytes, numBytes))
    return llvm::createStringError("an array of shape [" + formatShape(shape) + "] is larger than memory can be");
  Array array;
  array.type = type;
  array.shape.assign(shape.begin(), shape.end());
  array.numBytes = numBytes;
  if (place == Place::Paged && array.numBytes >= kPagedBytes) {
    array.data = std::unique_ptr<char, Release>(static_cast<char *>(allocatePaged(numBytes)), Release(numBytes));
    return array;
  }
  // At least one line, so that an empty array has an address too.
  uint64_t allocated = llvm::alignTo(std::max<uint64_t>(numBytes, 1), arrayAlignment);
  array.data.reset(static_cast<char *>(std::aligned_alloc(arrayAlignment, allocated)));
  if (!array.data)
    return llvm::createStringError("no memory for an array of " + std::to_string(numBytes) + " bytes");
  std::memset(array.data.get(), 0, allocated);
  return array;
}

std::string formatShape(ArrayRef<int64_t> shape) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  llvm::interleave(shape, stream, [&](int64_t size) { ShapedType::isDynamic(size) ? stream << '?' : stream << size; }, ", ");
  return text;
}

} // namespace mlir::lowbit
