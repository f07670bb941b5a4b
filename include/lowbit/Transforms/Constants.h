//===- Constants.h - constant tensors on the host -------------------------===//
#ifndef LOWBIT_TRANSFORMS_CONSTANTS_H
#define LOWBIT_TRANSFORMS_CONSTANTS_H

#include "mlir/IR/BuiltinAttributeInterfaces.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Operation.h"
#include <vector>

namespace mlir::lowbit {

/// The constant that `value` is, or null.
ElementsAttr getConstantElements(Value value);

/// The elements of a float constant as f32, in row-major order; failure after an error at `op` when its blob does not hold them.
FailureOr<std::vector<float>> readReals(Operation *op, ElementsAttr elements);
/// The same for integers.
FailureOr<std::vector<int64_t>> readIntegers(Operation *op, ElementsAttr elements);

/// A constant of `type` whose elements take one byte each, or as many as their type has. Large ones become a resource named `key`.
ElementsAttr buildElements(RankedTensorType type, ArrayRef<char> bytes, StringRef key);

/// Constants of at most this many elements are written in place, where people read them.
constexpr int64_t kInlineElements = 64;

/// Whether one element stands for all. The text that holds all codes of a constant does not.
bool isSplat(ElementsAttr elements);

/// The bytes that a constant takes where it is stored, whole ones for each element; a splat counts once.
uint64_t getStoredBytes(ElementsAttr elements);

/// The key of the resource that `elements` is, else `fallback`.
StringRef getResourceKey(ElementsAttr elements, StringRef fallback);

/// Index of a flat element as text, such as `[3, 5]`.
std::string formatIndex(ArrayRef<int64_t> shape, int64_t flat);

} // namespace mlir::lowbit

#endif // LOWBIT_TRANSFORMS_CONSTANTS_H
