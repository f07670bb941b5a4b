//===- Build.cpp - scalar and vector IR with one spelling -----------------===//

#include "lowbit/Formats/Build.h"
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

Value buildRoundedInteger(OpBuilder &builder, Location loc, Value real, Value zero, double smallest, double largest,
                          unsigned width) {
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

} // namespace mlir::lowbit
