//===- WarpgroupMma.cpp - wgmma of bytes from shared memory ---------------===//
// Source: PTX ISA, "Asynchronous Warpgroup Level Matrix Instructions": matrix descriptor, register fragments.

#include "WarpgroupMma.h"
#include "mlir/Dialect/Arith/IR/Arith.h"

namespace mlir::lowbit {

Type WarpgroupMma::getSumsType(MLIRContext *context) const {
  Type sum = lhs.number ? Type(Float32Type::get(context)) : Type(IntegerType::get(context, 32));
  return LLVM::LLVMStructType::getLiteral(context, SmallVector<Type>(getSumsPerLane(), sum));
}

Value WarpgroupMma::getDescriptor(KernelBuilder &b, Value address) {
  // Addresses have 18 bits, and are counted in pieces of 16 bytes. Eight rows (1024 bytes) are the swizzle's period; the distance along
  // the reduction is not asked for.
  constexpr int64_t swizzle128 = int64_t(1) << 62, periodPieces = 1024 / 16, anyDistance = 1;
  Value start = b.widen(b.div(b.bitAnd(address, (1 << 18) - 1), 16));
  return arith::OrIOp::create(b, start, b.i64(swizzle128 | periodPieces << 32 | anyDistance << 16));
}

static NVVM::WGMMATypes getElementType(MatmulSide side) {
  if (side.number)
    return isa<Float8E4M3FNType>(side.number) ? NVVM::WGMMATypes::e4m3 : NVVM::WGMMATypes::e5m2;
  return side.width == 1 ? NVVM::WGMMATypes::b1 : side.isSigned ? NVVM::WGMMATypes::s8 : NVVM::WGMMATypes::u8;
}

Value WarpgroupMma::emitRow(KernelBuilder &b, Value lhsDescriptor, Value rhsDescriptor, Value sums, bool accumulate, int64_t bytes) const {
  MLIRContext *context = b.getContext();
  auto shape = NVVM::MMAShapeAttr::get(context, rows, columns, depthBytes * 8 / lhs.width);
  auto typeOf = [&](NVVM::WGMMATypes type) { return NVVM::WGMMATypesAttr::get(context, type); };
  auto factor = NVVM::WGMMAScaleInAttr::get(context, NVVM::WGMMAScaleIn::one);
  auto overflow = lhs.number ? NVVM::MMAIntOverflowAttr() : NVVM::MMAIntOverflowAttr::get(context, NVVM::MMAIntOverflow::wrapped);
  auto sum = typeOf(lhs.number ? NVVM::WGMMATypes::f32 : NVVM::WGMMATypes::s32);
  for (int64_t byte = 0; byte < bytes; byte += depthBytes) {
    auto scale = byte == 0 && !accumulate ? NVVM::WGMMAScaleOut::zero : NVVM::WGMMAScaleOut::one;
    sums = NVVM::WgmmaMmaAsyncOp::create(
        b, sums.getType(), sums, b.add(lhsDescriptor, getStep(byte)), b.add(rhsDescriptor, getStep(byte)), shape,
        typeOf(getElementType(lhs)), typeOf(getElementType(rhs)), sum, NVVM::WGMMAScaleOutAttr::get(context, scale), factor, factor,
        NVVM::MMALayoutAttr::get(context, NVVM::MMALayout::row), NVVM::MMALayoutAttr::get(context, NVVM::MMALayout::col), overflow);
  }
  return sums;
}

} // namespace mlir::lowbit
