//===- ElementType.h - element types of arrays, and what numpy calls them -===//
//
// An array outside the compiler holds whole bytes per element: codes of fewer than 8 bits take one byte each, in its low
// bits. What the compiler calls `i8`, numpy calls `int8` or `uint8`; an ElementType knows which arrays fit which type.
//
//===----------------------------------------------------------------------===//
#ifndef LOWBIT_ARRAYS_ELEMENTTYPE_H
#define LOWBIT_ARRAYS_ELEMENTTYPE_H

#include "mlir/IR/Types.h"
#include <optional>
#include <string>

namespace mlir::lowbit {

/// What an array's file header or a numpy dtype says: a kind (`b` bool, `i`, `u`, `f`, `V` raw bytes) and the bytes of one element.
struct StorageType {
  char kind = 'f';
  unsigned bytes = 4;

  bool operator==(const StorageType &other) const { return kind == other.kind && bytes == other.bytes; }
  /// As numpy names it: `float32`, `uint8`, `bool`, `V2`.
  std::string getName() const;
};

/// The element type of an input or output of a function.
class ElementType {
public:
  /// None for types that no array holds (vectors, code types, complex numbers, integers over 64 bits).
  static std::optional<ElementType> get(Type type);

  /// As MLIR writes it: `f32`, `i4`, `ui8`.
  const std::string &getName() const { return name; }
  unsigned getBits() const { return bits; }
  unsigned getBytes() const { return storage.bytes; }
  /// How an output of this type is stored, and the dtype that errors ask for.
  StorageType getStorage() const { return storage; }
  /// Whether an array stored as `other` holds elements of this type, bit for bit.
  bool accepts(StorageType other) const;
  /// Whether a byte may hold values that the type has not.
  bool isNarrow() const { return bits % 8 != 0; }
  /// Puts an element stored as `from` into the form compiled code reads (zeros above the low bits).
  /// False when its value is not one of this type.
  bool narrow(uint64_t &value, StorageType from) const;
  /// The stored form of an element that compiled code wrote.
  uint64_t widen(uint64_t value) const;

private:
  std::string name;
  StorageType storage;
  unsigned bits = 0;
  bool integer = false, isSigned = false, isUnsigned = false;
};

} // namespace mlir::lowbit

#endif // LOWBIT_ARRAYS_ELEMENTTYPE_H
