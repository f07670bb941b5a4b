//===- FloatFormat.cpp - floats of 8, 6 and 4 bits ------------------------===//
//
// Invariant: host (APFloat) and IR (integer arithmetic on the bits of f32) agree on every f32.
// No CPU converts these types, and LLVM has no lowering for most of them; hence the bit arithmetic.
//
//===----------------------------------------------------------------------===//

#include "lowbit/Formats/Build.h"
#include "lowbit/IR/Lowbit.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "llvm/ADT/bit.h"
#include "llvm/Support/MathExtras.h"
#include <cmath>

namespace mlir::lowbit {

LogicalResult FloatFormatAttr::verify(function_ref<InFlightDiagnostic()> emitError, FloatType type) {
  if (type.getWidth() > 8)
    return emitError() << "float format of " << type << "; expected a float of 8, 6 or 4 bits";
  return success();
}

namespace {
/// Where the fields of a small float lie.
struct Layout {
  unsigned mantissaBits;
  int minExponent; ///< Of the smallest normal number.
  int bias;
  bool hasSign;
  bool hasZero;
};
} // namespace

static Layout getLayout(FloatType type) {
  const llvm::fltSemantics &semantics = type.getFloatSemantics();
  Layout layout;
  layout.hasSign = APFloat::semanticsHasSignedRepr(semantics);
  layout.hasZero = APFloat::semanticsHasZero(semantics);
  layout.mantissaBits = APFloat::semanticsPrecision(semantics) - 1;
  layout.minExponent = APFloat::semanticsMinExponent(semantics);
  // Subnormals share the exponent of the first normal, whose field is 1; without a zero there are none and the field is 0.
  layout.bias = (layout.hasZero ? 1 : 0) - layout.minExponent;
  return layout;
}

/// Below this, as bits of f32, a real is nearer to the smallest power of two of f8E8M0FNU, 2^-127, which is a subnormal of f32;
/// a real that equals it goes to the even code, zero.
static constexpr uint32_t kLowestTie = 0x600000;

/// The code of f8E8M0FNU for a real in its range: the exponent field, ties to the even one. (APFloat rounds ties up here.)
static uint64_t encodePowerOfTwo(float real) {
  uint32_t bits = llvm::bit_cast<uint32_t>(real);
  if (bits < 0x800000)
    return bits > kLowestTie;
  return (bits + 0x3fffff + (bits >> 23 & 1)) >> 23;
}

unsigned FloatFormatAttr::getWidth() const { return getType().getWidth(); }
Type FloatFormatAttr::getCodeType() const { return getType(); }
double FloatFormatAttr::getLargest() const { return APFloat::getLargest(getType().getFloatSemantics()).convertToDouble(); }
double FloatFormatAttr::getSmallest() const {
  const llvm::fltSemantics &semantics = getType().getFloatSemantics();
  return getLayout(getType()).hasSign ? -getLargest() : APFloat::getSmallest(semantics).convertToDouble();
}

uint64_t FloatFormatAttr::encode(double value, int64_t) const {
  float real = static_cast<float>(value);
  if (!(real > getSmallest()))
    real = getSmallest();
  if (!(real < getLargest()))
    real = getLargest();
  if (!getLayout(getType()).hasZero)
    return encodePowerOfTwo(real);
  APFloat code(real);
  bool losesInfo;
  code.convert(getType().getFloatSemantics(), APFloat::rmNearestTiesToEven, &losesInfo);
  return code.bitcastToAPInt().getZExtValue();
}

double FloatFormatAttr::decode(uint64_t code) const {
  uint64_t bits = code & llvm::maskTrailingOnes<uint64_t>(getWidth());
  return APFloat(getType().getFloatSemantics(), APInt(getWidth(), bits)).convertToDouble();
}

Value FloatFormatAttr::buildEncode(OpBuilder &builder, Location loc, Value real, Value) const {
  Layout layout = getLayout(getType());
  ImplicitLocOpBuilder b(loc, builder);
  Type i32 = getTypeLike(real, b.getI32Type()), f32 = getTypeLike(real, b.getF32Type());
  auto integer = [&](int64_t value) { return buildIntegerLike(b, loc, value, 32, real); };

  Value clamped = buildClamp(b, loc, real, getSmallest(), getLargest());
  Value bits = arith::BitcastOp::create(b, i32, clamped);
  Value sign = arith::ShRUIOp::create(b, bits, integer(31));
  Value magnitude = arith::AndIOp::create(b, bits, integer(0x7fffffff));

  // Normal: round the mantissa half to even by an addition that carries into the exponent, then rebias it.
  unsigned dropped = 23 - layout.mantissaBits;
  Value lowest = arith::AndIOp::create(b, arith::ShRUIOp::create(b, magnitude, integer(dropped)), integer(1));
  Value bumped = arith::AddIOp::create(b, arith::AddIOp::create(b, magnitude, lowest), integer((1ll << (dropped - 1)) - 1));
  Value shifted = arith::ShRUIOp::create(b, bumped, integer(dropped));
  Value code = arith::SubIOp::create(b, shifted, integer(static_cast<int64_t>(127 - layout.bias) << layout.mantissaBits));
  if (layout.hasZero) {
    // Subnormal: a whole multiple of the smallest step.
    double step = std::ldexp(1.0, static_cast<int>(layout.mantissaBits) - layout.minExponent);
    Value absolute = arith::BitcastOp::create(b, f32, magnitude);
    Value steps = math::RoundEvenOp::create(b, arith::MulFOp::create(b, absolute, buildRealLike(b, loc, step, real)));
    Value subnormal = arith::FPToSIOp::create(b, i32, steps);
    Value limit = buildRealLike(b, loc, std::ldexp(1.0, layout.minExponent), real);
    Value isSmall = arith::CmpFOp::create(b, arith::CmpFPredicate::OLT, absolute, limit);
    code = arith::SelectOp::create(b, isSmall, subnormal, code);
  } else {
    Value isLowest = arith::CmpIOp::create(b, arith::CmpIPredicate::ule, magnitude, integer(kLowestTie));
    code = arith::SelectOp::create(b, isLowest, integer(0), code);
  }
  if (layout.hasSign) {
    Value signBit = arith::ShLIOp::create(b, sign, integer(getWidth() - 1));
    if (decode(1ull << (getWidth() - 1)) != 0) // The code of minus zero is NaN in the FNUZ types: zero has no sign.
      signBit = arith::SelectOp::create(b, arith::CmpIOp::create(b, arith::CmpIPredicate::eq, code, integer(0)), integer(0), signBit);
    code = arith::OrIOp::create(b, code, signBit);
  }
  Value narrow = buildResize(b, loc, code, getWidth(), /*isSigned=*/false);
  return arith::BitcastOp::create(b, getTypeLike(real, getType()), narrow);
}

Value FloatFormatAttr::buildDecode(OpBuilder &builder, Location loc, Value code) const {
  Layout layout = getLayout(getType());
  ImplicitLocOpBuilder b(loc, builder);
  Type i32 = getTypeLike(code, b.getI32Type()), f32 = getTypeLike(code, b.getF32Type());
  auto integer = [&](int64_t value) { return buildIntegerLike(b, loc, value, 32, code); };

  Value raw = arith::BitcastOp::create(b, getTypeLike(code, b.getIntegerType(getWidth())), code);
  Value bits = buildResize(b, loc, raw, 32, /*isSigned=*/false);
  unsigned signShift = getWidth() - 1;
  Value magnitude = layout.hasSign ? arith::AndIOp::create(b, bits, integer((1ll << signShift) - 1)).getResult() : bits;

  Value rebiased = arith::AddIOp::create(b, magnitude, integer(static_cast<int64_t>(127 - layout.bias) << layout.mantissaBits));
  Value real = arith::BitcastOp::create(b, f32, arith::ShLIOp::create(b, rebiased, integer(23 - layout.mantissaBits)));
  if (layout.hasZero) {
    double step = std::ldexp(1.0, layout.minExponent - static_cast<int>(layout.mantissaBits));
    Value steps = arith::SIToFPOp::create(b, f32, magnitude);
    Value subnormal = arith::MulFOp::create(b, steps, buildRealLike(b, loc, step, code));
    Value limit = integer(1ll << layout.mantissaBits);
    Value isSmall = arith::CmpIOp::create(b, arith::CmpIPredicate::ult, magnitude, limit);
    real = arith::SelectOp::create(b, isSmall, subnormal, real);
  } else {
    // The smallest power of two of f8E8M0FNU is a subnormal of f32, which the shifted field cannot say.
    Value isLowest = arith::CmpIOp::create(b, arith::CmpIPredicate::eq, magnitude, integer(0));
    real = arith::SelectOp::create(b, isLowest, buildRealLike(b, loc, getSmallest(), code), real);
  }
  if (layout.hasSign) {
    Value sign = arith::ShLIOp::create(b, arith::ShRUIOp::create(b, bits, integer(signShift)), integer(31));
    real = arith::BitcastOp::create(b, f32, arith::OrIOp::create(b, arith::BitcastOp::create(b, i32, real), sign));
  }
  // Codes that are NaN or infinity are few; each is told apart by its bits.
  for (uint64_t special = 0; special < (1ull << getWidth()); ++special) {
    double value = decode(special);
    if (std::isfinite(value))
      continue;
    Value isSpecial = arith::CmpIOp::create(b, arith::CmpIPredicate::eq, bits, integer(special));
    real = arith::SelectOp::create(b, isSpecial, buildRealLike(b, loc, value, code), real);
  }
  return real;
}

} // namespace mlir::lowbit
