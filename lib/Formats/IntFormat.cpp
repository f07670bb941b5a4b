//===- IntFormat.cpp - signed integers ------------------------------------===//

#include "lowbit/Formats/Build.h"
#include "lowbit/IR/Lowbit.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "llvm/Support/MathExtras.h"

namespace mlir::lowbit {

LogicalResult IntFormatAttr::verify(function_ref<InFlightDiagnostic()> emitError, unsigned width) {
  if (width < 1 || width > 16)
    return emitError() << "signed integer format of " << width << " bits; expected a width from 1 to 16";
  return success();
}

Type IntFormatAttr::getCodeType() const { return IntegerType::get(getContext(), getWidth()); }
double IntFormatAttr::getSmallest() const { return llvm::minIntN(getWidth()); }
double IntFormatAttr::getLargest() const { return llvm::maxIntN(getWidth()); }
bool IntFormatAttr::isInteger() const { return true; }
bool IntFormatAttr::hasZeroPoint() const { return true; }

uint64_t IntFormatAttr::encode(double value, int64_t zero) const {
  int64_t code = roundToInteger(value, zero, llvm::minIntN(getWidth()), llvm::maxIntN(getWidth()));
  return static_cast<uint64_t>(code) & llvm::maskTrailingOnes<uint64_t>(getWidth());
}

double IntFormatAttr::decode(uint64_t code) const { return llvm::SignExtend64(code, getWidth()); }

Value IntFormatAttr::buildEncode(OpBuilder &builder, Location loc, Value real, Value zero) const {
  return buildRoundedInteger(builder, loc, real, zero, getSmallest(), getLargest(), getWidth());
}

Value IntFormatAttr::buildDecode(OpBuilder &builder, Location loc, Value code) const {
  Value integer = buildDecodeInteger(builder, loc, code, 32);
  return arith::SIToFPOp::create(builder, loc, getTypeLike(code, builder.getF32Type()), integer);
}

Value IntFormatAttr::buildDecodeInteger(OpBuilder &builder, Location loc, Value code, unsigned width) const {
  return buildResize(builder, loc, code, width, /*isSigned=*/true);
}

} // namespace mlir::lowbit
