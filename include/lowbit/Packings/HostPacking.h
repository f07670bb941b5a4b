//===- HostPacking.h - constants of codes on the host ---------------------===//
#ifndef LOWBIT_PACKINGS_HOSTPACKING_H
#define LOWBIT_PACKINGS_HOSTPACKING_H

#include "lowbit/IR/Lowbit.h"

namespace mlir::lowbit {

/// The bytes of a constant whose elements take whole bytes; one element's bytes for a splat. None when `attr` holds no such data or a
/// resource does not have the size of its type.
std::optional<ArrayRef<char>> getConstantBytes(ElementsAttr attr);

/// A constant of codes: their tensor itself, or bytes that are unpacked and, where rows do not fill whole bytes, cut to size.
struct StoredCodes {
  Value constant;
  UnpackOp unpack; ///< Null when the constant has an element for each code.
};
/// Where `codes` are stored; none when they are not a constant.
std::optional<StoredCodes> findStoredCodes(Value codes);
/// The unpacked codes of which `codes` are all, or the first ones along each axis; null when they are none.
UnpackOp findUnpack(Value codes);

/// The codes of a constant as it is stored: one a byte, zeros above, row-major. None when they are not known.
std::optional<std::vector<char>> readCodes(Value codes);

/// Copies codes of 8 bits, row-major in `shape`, to a row-major tensor of `paddedShape`; the rest is zero.
std::vector<char> padOnHost(ArrayRef<char> codes, ArrayRef<int64_t> shape, ArrayRef<int64_t> paddedShape);

/// Packs codes of `width` bits, given one in a byte with zeros above, as `packing` says.
std::vector<char> packOnHost(ArrayRef<char> codes, ArrayRef<int64_t> shape, PackingAttrInterface packing, unsigned width);

/// A constant of `type` over `data`, as a resource whose name begins with `name`.
DenseResourceElementsAttr makeResource(ShapedType type, StringRef name, ArrayRef<char> data);

} // namespace mlir::lowbit

#endif // LOWBIT_PACKINGS_HOSTPACKING_H
