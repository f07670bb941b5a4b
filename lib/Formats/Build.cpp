//===- Build.cpp - scalar and vector IR with one spelling -----------------===//

#include "lowbit/Formats/Build.h"
#include "lowbit/IR/Lowbit.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/BuiltinAttributes.h"
#include <cmath>

namespace mlir::lowbit {

Type getTypeLike(Value like, Type elementType) {
  if (auto vector = dyn_cast<VectorType>(like.getType()))
    return vector.clone(elementType);
  return elementType;
}

static Value buildConstantLike(OpBuilder &builder, Location loc, TypedAttr scalar, Value like) {
  Type type = getTypeLike(like, scalar.getType());
  if (auto shaped = dyn_cast<ShapedType>(type))
    scalar = DenseElementsAttr::get(shaped, static_cast<Attribute>(scalar));
  return arith::ConstantOp::create(builder, loc, scalar);
}

Value buildRealLike(OpBuilder &builder, Location loc, double value, Value like) {
  return buildConstantLike(builder, loc, builder.getF32FloatAttr(static_cast<float>(value)), like);
}

Value buildIntegerLike(OpBuilder &builder, Location loc, int64_t value, unsigned width, Value like) {
  return buildConstantLike(builder, loc, builder.getIntegerAttr(builder.getIntegerType(width), value), like);
}

Value buildClamp(OpBuilder &builder, Location loc, Value real, double smallest, double largest) {
  Value low = buildRealLike(builder, loc, smallest, real);
  Value high = buildRealLike(builder, loc, largest, real);
  Value above = arith::CmpFOp::create(builder, loc, arith::CmpFPredicate::OGT, real, low);
  Value raised = arith::SelectOp::create(builder, loc, above, real, low);
  Value below = arith::CmpFOp::create(builder, loc, arith::CmpFPredicate::OLT, raised, high);
  return arith::SelectOp::create(builder, loc, below, raised, high);
}

Value buildResize(OpBuilder &builder, Location loc, Value integer, unsigned width, bool isSigned) {
  unsigned from = getElementTypeOrSelf(integer.getType()).getIntOrFloatBitWidth();
  Type type = getTypeLike(integer, builder.getIntegerType(width));
  if (from == width)
    return integer;
  if (from > width)
    return arith::TruncIOp::create(builder, loc, type, integer);
  if (isSigned)
    return arith::ExtSIOp::create(builder, loc, type, integer);
  return arith::ExtUIOp::create(builder, loc, type, integer);
}

Value buildField(OpBuilder &builder, Location loc, Value bytes, unsigned low, unsigned width) {
  if (low != 0)
    bytes = arith::ShRUIOp::create(builder, loc, bytes, buildIntegerLike(builder, loc, low, 8, bytes));
  if (low + width < 8)
    bytes = arith::AndIOp::create(builder, loc, bytes, buildIntegerLike(builder, loc, (1 << width) - 1, 8, bytes));
  return bytes;
}

Value buildRoundedInteger(OpBuilder &builder, Location loc, Value real, Value zero, double smallest, double largest, unsigned width) {
  Value rounded = math::RoundEvenOp::create(builder, loc, real);
  if (zero)
    rounded = arith::AddFOp::create(builder, loc, rounded, zero);
  Value clamped = buildClamp(builder, loc, rounded, smallest, largest);
  // Through i32: vector units convert to it directly, and it holds every code with its sign.
  Value wide = arith::FPToSIOp::create(builder, loc, getTypeLike(real, builder.getI32Type()), clamped);
  return buildResize(builder, loc, wide, width, /*isSigned=*/true);
}

int64_t roundToInteger(double value, int64_t zero, int64_t smallest, int64_t largest) {
  // In float, as the IR does it; nearbyint rounds half to even in the default environment.
  float rounded = std::nearbyint(static_cast<float>(value)) + static_cast<float>(zero);
  if (!(rounded > static_cast<float>(smallest)))
    return smallest;
  return rounded < static_cast<float>(largest) ? static_cast<int64_t>(rounded) : largest;
}

NumberFormatAttrInterface getIntegerFormat(MLIRContext *context, unsigned width, bool isSigned) {
  if (isSigned)
    return IntFormatAttr::get(context, width);
  return UIntFormatAttr::get(context, width);
}

Value buildAsF32(OpBuilder &builder, Location loc, Value real) {
  auto from = cast<FloatType>(getElementTypeOrSelf(real.getType()));
  Type f32 = getTypeLike(real, builder.getF32Type());
  if (from.getWidth() <= 8)
    return FloatFormatAttr::get(builder.getContext(), from).buildDecode(builder, loc, real);
  if (from.getWidth() > 32)
    return arith::TruncFOp::create(builder, loc, f32, real);
  return from.isF32() ? real : arith::ExtFOp::create(builder, loc, f32, real).getResult();
}

Value buildFromF32(OpBuilder &builder, Location loc, Value real, Type elementType) {
  auto to = cast<FloatType>(elementType);
  if (to.getWidth() <= 8) {
    Value code = FloatFormatAttr::get(builder.getContext(), to).buildEncode(builder, loc, real, {});
    if (!APFloat::semanticsHasNaN(to.getFloatSemantics()))
      return code;
    // Encoding knows no NaN; a conversion keeps it.
    Value isNumber = arith::CmpFOp::create(builder, loc, arith::CmpFPredicate::ORD, real, real);
    Value nan = buildConstantLike(builder, loc, builder.getFloatAttr(to, APFloat::getNaN(to.getFloatSemantics())), real);
    return arith::SelectOp::create(builder, loc, isNumber, code, nan);
  }
  if (to.getWidth() > 32)
    return arith::ExtFOp::create(builder, loc, getTypeLike(real, to), real);
  return to.isF32() ? real : arith::TruncFOp::create(builder, loc, getTypeLike(real, to), real).getResult();
}

Value buildZeroAsF32(OpBuilder &builder, Location loc, Value zero, bool isSigned) {
  Type f32 = getTypeLike(zero, builder.getF32Type());
  if (!isSigned && getElementTypeOrSelf(zero.getType()).getIntOrFloatBitWidth() >= 32)
    return arith::UIToFPOp::create(builder, loc, f32, zero);
  return arith::SIToFPOp::create(builder, loc, f32, buildResize(builder, loc, zero, 32, isSigned));
}

} // namespace mlir::lowbit
