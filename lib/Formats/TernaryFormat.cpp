//===- TernaryFormat.cpp - minus one, zero, plus one ----------------------===//

#include "lowbit/Formats/Build.h"
#include "lowbit/IR/Lowbit.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "llvm/Support/MathExtras.h"

namespace mlir::lowbit {

static constexpr unsigned kBits = 2;

unsigned TernaryFormatAttr::getWidth() const { return kBits; }
Type TernaryFormatAttr::getCodeType() const { return CodeType::get(getContext(), *this); }
double TernaryFormatAttr::getSmallest() const { return -1; }
double TernaryFormatAttr::getLargest() const { return 1; }
bool TernaryFormatAttr::isInteger() const { return true; }

uint64_t TernaryFormatAttr::encode(double value, int64_t zero) const {
  return static_cast<uint64_t>(roundToInteger(value, zero, -1, 1)) & llvm::maskTrailingOnes<uint64_t>(kBits);
}

double TernaryFormatAttr::decode(uint64_t code) const { return llvm::SignExtend64(code, kBits); }

Value TernaryFormatAttr::buildEncode(OpBuilder &builder, Location loc, Value real, Value zero) const {
  Value bits = buildRoundedInteger(builder, loc, real, zero, -1, 1, kBits);
  return buildResize(builder, loc, bits, 8, /*isSigned=*/false);
}

Value TernaryFormatAttr::buildDecode(OpBuilder &builder, Location loc, Value code) const {
  Value integer = buildDecodeInteger(builder, loc, code, 32);
  return arith::SIToFPOp::create(builder, loc, getTypeLike(code, builder.getF32Type()), integer);
}

Value TernaryFormatAttr::buildDecodeInteger(OpBuilder &builder, Location loc, Value code, unsigned width) const {
  Value bits = buildResize(builder, loc, code, kBits, /*isSigned=*/false);
  return buildResize(builder, loc, bits, width, /*isSigned=*/true);
}

} // namespace mlir::lowbit
