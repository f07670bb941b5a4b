//===- Build.h - scalar and vector IR with one spelling -------------------===//
//
// Formats build the same arithmetic for a scalar and for a vector: values are made "like" another value, with its shape.
//
//===----------------------------------------------------------------------===//
#ifndef LOWBIT_FORMATS_BUILD_H
#define LOWBIT_FORMATS_BUILD_H

#include "lowbit/Interfaces/AttrInterfaces.h"
#include "mlir/IR/Builders.h"

namespace mlir::lowbit {

/// `elementType`, as a vector of the shape of `like` when that is a vector.
Type getTypeLike(Value like, Type elementType);
/// The f32 `value` in the shape of `like`.
Value buildRealLike(OpBuilder &builder, Location loc, double value, Value like);
/// The integer `value` of `width` bits in the shape of `like`.
Value buildIntegerLike(OpBuilder &builder, Location loc, int64_t value, unsigned width, Value like);
/// `real` limited to [smallest, largest]; NaN becomes `smallest`. One max and one min instruction on x86.
Value buildClamp(OpBuilder &builder, Location loc, Value real, double smallest, double largest);
/// `integer` extended or truncated to `width` bits.
Value buildResize(OpBuilder &builder, Location loc, Value integer, unsigned width, bool isSigned);
/// `width` bits of i8 `bytes` from bit `low` on, the others zero.
Value buildField(OpBuilder &builder, Location loc, Value bytes, unsigned low, unsigned width);
/// The integer code of `real`: rounded half to even, `zero` added when not null, clamped, as `width` bits.
Value buildRoundedInteger(OpBuilder &builder, Location loc, Value real, Value zero, double smallest, double largest, unsigned width);
/// Host twin of `buildRoundedInteger`.
int64_t roundToInteger(double value, int64_t zero, int64_t smallest, int64_t largest);

/// The format of two's complement, or of unsigned, integers of `width` bits (1 to 16).
NumberFormatAttrInterface getIntegerFormat(MLIRContext *context, unsigned width, bool isSigned);
/// A float of any type (a small one included) as f32; f64 is rounded half to even.
Value buildAsF32(OpBuilder &builder, Location loc, Value real);
/// An f32 rounded half to even to the float type `elementType`; small types saturate.
Value buildFromF32(OpBuilder &builder, Location loc, Value real, Type elementType);
/// An integer zero point as f32.
Value buildZeroAsF32(OpBuilder &builder, Location loc, Value zero, bool isSigned);

} // namespace mlir::lowbit

#endif // LOWBIT_FORMATS_BUILD_H
