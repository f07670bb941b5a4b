//===- UIntFormat.cpp - unsigned integers ---------------------------------===//

#include "lowbit/Formats/Build.h"
#include "lowbit/IR/Lowbit.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "llvm/Support/MathExtras.h"

namespace mlir::lowbit {

LogicalResult UIntFormatAttr::verify(function_ref<InFlightDiagnostic()> emitError, unsigned width) {
  if (width < 1 || width > 16)
    return emitError() << "unsigned integer format of " << width << " bits; expected a width from 1 to 16";
  return success();
}

Type UIntFormatAttr::getCodeType() const { return IntegerType::get(getContext(), getWidth()); }
double UIntFormatAttr::getSmallest() const { return 0; }
double UIntFormatAttr::getLargest() const { return llvm::maxUIntN(getWidth()); }
bool UIntFormatAttr::isInteger() const { return true; }
bool UIntFormatAttr::hasZeroPoint() const { return true; }
bool UIntFormatAttr::isSigned() const { return false; }

uint64_t UIntFormatAttr::encode(double value, int64_t zero) const { return roundToInteger(value, zero, 0, llvm::maxUIntN(getWidth())); }

double UIntFormatAttr::decode(uint64_t code) const { return static_cast<double>(code & llvm::maskTrailingOnes<uint64_t>(getWidth())); }

Value UIntFormatAttr::buildEncode(OpBuilder &builder, Location loc, Value real, Value zero) const {
  return buildRoundedInteger(builder, loc, real, zero, getSmallest(), getLargest(), getWidth());
}

Value UIntFormatAttr::buildDecode(OpBuilder &builder, Location loc, Value code) const {
  Value integer = buildDecodeInteger(builder, loc, code, 32);
  return arith::SIToFPOp::create(builder, loc, getTypeLike(code, builder.getF32Type()), integer);
}

Value UIntFormatAttr::buildDecodeInteger(OpBuilder &builder, Location loc, Value code, unsigned width) const {
  return buildResize(builder, loc, code, width, /*isSigned=*/false);
}

} // namespace mlir::lowbit
