//===- BinaryFormat.cpp - minus one and plus one --------------------------===//

#include "lowbit/Formats/Build.h"
#include "lowbit/IR/Lowbit.h"
#include "mlir/Dialect/Arith/IR/Arith.h"

namespace mlir::lowbit {

unsigned BinaryFormatAttr::getWidth() const { return 1; }
Type BinaryFormatAttr::getCodeType() const { return CodeType::get(getContext(), *this); }
double BinaryFormatAttr::getSmallest() const { return -1; }
double BinaryFormatAttr::getLargest() const { return 1; }
bool BinaryFormatAttr::isInteger() const { return true; }

uint64_t BinaryFormatAttr::encode(double value, int64_t) const { return value >= 0 ? 0 : 1; }
double BinaryFormatAttr::decode(uint64_t code) const { return code & 1 ? -1 : 1; }

Value BinaryFormatAttr::buildEncode(OpBuilder &builder, Location loc, Value real, Value) const {
  // Not (real >= 0): NaN becomes the smallest value, as in every format.
  Value zero = buildRealLike(builder, loc, 0, real);
  Value isNegative = arith::CmpFOp::create(builder, loc, arith::CmpFPredicate::ULT, real, zero);
  return buildResize(builder, loc, isNegative, 8, /*isSigned=*/false);
}

Value BinaryFormatAttr::buildDecode(OpBuilder &builder, Location loc, Value code) const {
  Value integer = buildDecodeInteger(builder, loc, code, 32);
  return arith::SIToFPOp::create(builder, loc, getTypeLike(code, builder.getF32Type()), integer);
}

Value BinaryFormatAttr::buildDecodeInteger(OpBuilder &builder, Location loc, Value code, unsigned width) const {
  Value bit = buildResize(builder, loc, buildResize(builder, loc, code, 1, false), width, /*isSigned=*/false);
  Value one = buildIntegerLike(builder, loc, 1, width, code);
  Value twice = arith::AddIOp::create(builder, loc, bit, bit);
  return arith::SubIOp::create(builder, loc, one, twice);
}

} // namespace mlir::lowbit
