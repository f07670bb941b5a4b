//===- Tcgen05Mma.cpp - tcgen05.mma of bytes, and loads of its sums -------===//
// Source: PTX ISA, "TensorCore 5th Generation Family Instructions": shared memory and instruction descriptors, matrix fragments.

#include "Tcgen05Mma.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

namespace mlir::lowbit {

Value Tcgen05Mma::getDescriptor(KernelBuilder &b, Value address) {
  // Addresses have 18 bits, and are counted in pieces of 16 bytes. Eight rows (1024 bytes) are the swizzle's period; the distance along
  // the reduction is not asked for.
  constexpr int64_t swizzle128 = int64_t(2) << 61, version = int64_t(1) << 46, periodPieces = 1024 / 16, anyDistance = 1;
  Value start = b.widen(b.div(b.bitAnd(address, (1 << 18) - 1), 16));
  return arith::OrIOp::create(b, start, b.i64(swizzle128 | version | periodPieces << 32 | anyDistance << 16));
}

/// What the instruction multiplies: 128 rows, sums of 32 bits that wrap, the reduction along memory on both sides.
static int64_t getInstruction(const Tcgen05Mma &mma) {
  constexpr int64_t sumsOf32Bits = 2;
  return sumsOf32Bits << 4 | int64_t(mma.lhs.isSigned) << 7 | int64_t(mma.rhs.isSigned) << 10 | mma.columns / 8 << 17 |
         Tcgen05Mma::rows / 16 << 24;
}

Value Tcgen05Mma::getPointer(KernelBuilder &b, Value address) {
  constexpr unsigned tensorMemory = 6;
  return LLVM::IntToPtrOp::create(b, LLVM::LLVMPointerType::get(b.getContext(), tensorMemory), address);
}

void Tcgen05Mma::emitRow(KernelBuilder &b, Value sums, Value lhsDescriptor, Value rhsDescriptor, Value accumulate) const {
  Value pointer = getPointer(b, sums), instruction = b.i32(getInstruction(*this));
  Value always = arith::ConstantOp::create(b, b.getBoolAttr(true));
  for (int64_t byte = 0; byte < rowBytes; byte += depthBytes)
    NVVM::Tcgen05MMAOp::create(b, NVVM::Tcgen05MMAKind::I8, NVVM::CTAGroupKind::CTA_1, NVVM::Tcgen05MMACollectorOp::DISCARD,
                               /*aShift=*/false, pointer, b.add(lhsDescriptor, getStep(byte)), b.add(rhsDescriptor, getStep(byte)),
                               instruction, byte == 0 ? accumulate : always, /*scaleInputD=*/Value(), /*disableOutputLane=*/Value());
}

SmallVector<Value> Tcgen05Mma::emitLoad(KernelBuilder &b, Value address, int64_t columns) {
  constexpr int64_t lanes = 32;
  auto type = VectorType::get({loadRows * columns / lanes}, b.getI32Type());
  Value loaded = NVVM::Tcgen05LdOp::create(b, type, /*pack=*/false, NVVM::Tcgen05LdStShape::SHAPE_16X256B, getPointer(b, address), Value());
  NVVM::Tcgen05WaitOp::create(b, NVVM::Tcgen05WaitKind::LOAD);
  SmallVector<Value> sums;
  for (int64_t i = 0; i < type.getNumElements(); ++i)
    sums.push_back(vector::ExtractOp::create(b, loaded, i));
  return sums;
}

} // namespace mlir::lowbit
