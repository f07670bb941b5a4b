//===- Float3Format.cpp - sign and two bits of exponent -------------------===//

#include "lowbit/Formats/Build.h"
#include "lowbit/IR/Lowbit.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include <cmath>

namespace mlir::lowbit {

static constexpr unsigned kSignShift = 2;
static constexpr double kLargest = 4;

unsigned Float3FormatAttr::getWidth() const { return 3; }
Type Float3FormatAttr::getCodeType() const { return CodeType::get(getContext(), *this); }
double Float3FormatAttr::getSmallest() const { return -kLargest; }
double Float3FormatAttr::getLargest() const { return kLargest; }

uint64_t Float3FormatAttr::encode(double value, int64_t) const {
  double magnitude = std::isnan(value) ? kLargest : std::fabs(value);
  uint64_t exponent = (magnitude > 0.5) + (magnitude >= 1.5) + (magnitude > 3);
  bool isNegative = exponent != 0 && !(value > 0);
  return exponent | static_cast<uint64_t>(isNegative) << kSignShift;
}

double Float3FormatAttr::decode(uint64_t code) const {
  static constexpr double kMagnitudes[] = {0, 1, 2, 4};
  double magnitude = kMagnitudes[code & 3];
  return code >> kSignShift & 1 ? -magnitude : magnitude;
}

Value Float3FormatAttr::buildEncode(OpBuilder &builder, Location loc, Value real, Value) const {
  Value clamped = buildClamp(builder, loc, real, -kLargest, kLargest);
  auto compare = [&](arith::CmpFPredicate predicate, double bound) -> Value {
    return arith::CmpFOp::create(builder, loc, predicate, clamped, buildRealLike(builder, loc, bound, clamped));
  };
  // The code is a count of thresholds, on either side of zero.
  auto count = [&](Value a, Value b, Value c) -> Value {
    Value sum = arith::AddIOp::create(builder, loc, buildResize(builder, loc, a, 8, false), buildResize(builder, loc, b, 8, false));
    return arith::AddIOp::create(builder, loc, sum, buildResize(builder, loc, c, 8, false));
  };
  using Predicate = arith::CmpFPredicate;
  Value isNegative = compare(Predicate::OLT, -0.5);
  Value above = count(compare(Predicate::OGT, 0.5), compare(Predicate::OGE, 1.5), compare(Predicate::OGT, 3));
  Value below = count(isNegative, compare(Predicate::OLE, -1.5), compare(Predicate::OLT, -3));
  Value signBit = buildIntegerLike(builder, loc, 1 << kSignShift, 8, real);
  return arith::SelectOp::create(builder, loc, isNegative, arith::AddIOp::create(builder, loc, below, signBit), above);
}

Value Float3FormatAttr::buildDecode(OpBuilder &builder, Location loc, Value code) const {
  Value real = buildRealLike(builder, loc, decode(0), code);
  for (uint64_t other = 1; other < 8; ++other) {
    Value isCode = arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::eq, code, buildIntegerLike(builder, loc, other, 8, code));
    real = arith::SelectOp::create(builder, loc, isCode, buildRealLike(builder, loc, decode(other), code), real);
  }
  return real;
}

} // namespace mlir::lowbit
