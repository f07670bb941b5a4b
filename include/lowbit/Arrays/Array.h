//===- Array.h - dense arrays outside the compiler ------------------------===//
//
// Row-major, little-endian, whole bytes per element (ElementType.h). `Buffer` borrows its bytes, `Array` owns them.
//
//===----------------------------------------------------------------------===//
#ifndef LOWBIT_ARRAYS_ARRAY_H
#define LOWBIT_ARRAYS_ARRAY_H

#include "lowbit/Arrays/ElementType.h"
#include "lowbit/Arrays/PagedMemory.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/Support/AlignOf.h"
#include "llvm/Support/Alignment.h"
#include "llvm/Support/Error.h"
#include <memory>

namespace mlir::lowbit {

/// Bytes of somebody else's, described.
struct Buffer {
  StorageType type;
  SmallVector<int64_t, 4> shape;
  void *data = nullptr;
  bool onDevice = false; ///< Whether they are in a GPU's memory.
};

class Array {
public:
  /// Where the bytes of a large array lie: on the heap, or in pages that the system can write out (PagedMemory.h).
  enum class Place { Heap, Paged };

  /// Zeroed; fails when the bytes cannot be counted in 63 bits or had.
  static llvm::Expected<Array> create(StorageType type, ArrayRef<int64_t> shape, Place place = Place::Heap);

  StorageType getType() const { return type; }
  ArrayRef<int64_t> getShape() const { return shape; }
  uint64_t getNumBytes() const { return numBytes; }
  char *getData() { return data.get(); }
  const char *getData() const { return data.get(); }
  Buffer getBuffer() { return {type, SmallVector<int64_t, 4>(shape), data.get()}; }

private:
  struct Release {
    Release() : pagedBytes(0) {}
    explicit Release(uint64_t pagedBytes) : pagedBytes(pagedBytes) {}
    uint64_t pagedBytes; ///< Of paged memory, else 0.
    void operator()(char *pointer) const { pagedBytes != 0 ? freePaged(pointer, pagedBytes) : std::free(pointer); }
  };
  StorageType type;
  SmallVector<int64_t, 4> shape;
  uint64_t numBytes = 0;
  std::unique_ptr<char, Release> data;
};

struct NamedBuffer {
  std::string name;
  Buffer buffer;
};

struct NamedArray {
  std::string name;
  Array array;
};

/// Elements of a static shape; none when a dimension is negative or the product overflows 63 bits.
std::optional<uint64_t> countElements(ArrayRef<int64_t> shape);

/// `1x128`, or `scalar`, for messages.
std::string formatShape(ArrayRef<int64_t> shape);

} // namespace mlir::lowbit

#endif // LOWBIT_ARRAYS_ARRAY_H
