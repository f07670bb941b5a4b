//===- MmaInstruction.cpp - mma.sync of bytes, bits and 8-bit floats -------===//
// Source: PTX ISA, "Warp Level Matrix Instructions".

#include "MmaInstruction.h"
#include "lowbit/GPU/Float8Mma.h"
#include "lowbit/GPU/Fragments.h"
#include "mlir/Dialect/Arith/IR/Arith.h"

namespace mlir::lowbit {

Value MmaInstruction::getZero(KernelBuilder &b) const {
  return areFloats ? arith::ConstantOp::create(b, b.getF32FloatAttr(0)).getResult() : b.i32(0);
}

NVVM::MMATypes MmaInstruction::getType(MatmulSide side) {
  if (side.number)
    return isa<Float8E4M3FNType>(side.number) ? NVVM::MMATypes::e4m3 : NVVM::MMATypes::e5m2;
  return side.width == 1 ? NVVM::MMATypes::b1 : side.isSigned ? NVVM::MMATypes::s8 : NVVM::MMATypes::u8;
}

void MmaInstruction::emit(KernelBuilder &b, ValueRange a, ValueRange bColumns, MutableArrayRef<Value> sums) const {
  if (areFloats)
    return emitFloats(b, a, bColumns, sums);
  Type i32 = b.getI32Type();
  auto type = LLVM::LLVMStructType::getLiteral(b.getContext(), {i32, i32, i32, i32});
  SmallVector<int64_t> shape{rows, columns, areBits ? depth * 8 : depth};
  std::optional<NVVM::MMAB1Op> bitOp;
  std::optional<NVVM::MMAIntOverflow> overflow;
  if (areBits)
    bitOp = NVVM::MMAB1Op::and_popc;
  else
    overflow = NVVM::MMAIntOverflow::wrapped;
  Value result = NVVM::MmaOp::create(b, type, a, bColumns, ValueRange(ArrayRef<Value>(sums)), shape, bitOp, overflow, std::array{lhs, rhs},
                                     std::array{NVVM::MMALayout::row, NVVM::MMALayout::col});
  llvm::copy(b.unpack(result), sums.begin());
}

/// Each 32 products are a sum of their own, and join the others by an addition that rounds: the tensor core keeps fewer bits.
void MmaInstruction::emitFloats(KernelBuilder &b, ValueRange a, ValueRange bColumns, MutableArrayRef<Value> sums) const {
  SmallVector<Value> operands(a);
  llvm::append_range(operands, bColumns);
  operands.append(Accumulator16x8::size, getZero(b));
  auto type = LLVM::LLVMStructType::getLiteral(b.getContext(), SmallVector<Type>(Accumulator16x8::size, b.getF32Type()));
  std::string name = getFloat8MmaName(NVVM::stringifyEnum(lhs), NVVM::stringifyEnum(rhs));
  Value part = LLVM::CallIntrinsicOp::create(b, type, b.getStringAttr(name), operands).getResult(0);
  for (auto [sum, added] : llvm::zip_equal(sums, b.unpack(part)))
    sum = arith::AddFOp::create(b, sum, added);
}

SmallVector<Value> loadMatrices(KernelBuilder &b, Value pointer, int64_t count, NVVM::MMALayout layout) {
  auto type = LLVM::LLVMStructType::getLiteral(b.getContext(), SmallVector<Type>(count, b.getI32Type()));
  Value loaded = NVVM::LdMatrixOp::create(b, type, pointer, static_cast<uint32_t>(count), layout,
                                          NVVM::LdStMatrixShapeAttr::get(b.getContext(), 8, 8), NVVM::LdStMatrixEltType::B16);
  return b.unpack(loaded);
}

} // namespace mlir::lowbit
