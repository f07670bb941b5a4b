//===- KernelBuilder.cpp - the code of one lane ---------------------------===//

#include "lowbit/GPU/KernelBuilder.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/Matchers.h"
#include "llvm/Support/MathExtras.h"

namespace mlir::lowbit {

Value KernelBuilder::i32(int64_t value) { return arith::ConstantOp::create(*this, getI32IntegerAttr(static_cast<int32_t>(value))); }
Value KernelBuilder::i64(int64_t value) { return arith::ConstantOp::create(*this, getI64IntegerAttr(value)); }

/// The value of a constant integer.
static std::optional<int64_t> getConstant(Value value) {
  APInt constant;
  if (!matchPattern(value, m_ConstantInt(&constant)))
    return std::nullopt;
  return constant.getSExtValue();
}

static Value makeConstant(KernelBuilder &b, int64_t value, Type type) {
  return arith::ConstantOp::create(
      b, b.getIntegerAttr(type, APInt(type.getIntOrFloatBitWidth(), static_cast<uint64_t>(value), false, true).getSExtValue()));
}

Value KernelBuilder::add(Value lhs, Value rhs) {
  std::optional<int64_t> left = getConstant(lhs), right = getConstant(rhs);
  if (left && right)
    return makeConstant(*this, *left + *right, lhs.getType());
  if (left == 0 || right == 0)
    return left == 0 ? rhs : lhs;
  return arith::AddIOp::create(*this, lhs, rhs);
}

Value KernelBuilder::add(Value lhs, int64_t rhs) { return add(lhs, makeConstant(*this, rhs, lhs.getType())); }
Value KernelBuilder::sub(Value lhs, Value rhs) { return arith::SubIOp::create(*this, lhs, rhs); }

Value KernelBuilder::mul(Value lhs, Value rhs) {
  std::optional<int64_t> left = getConstant(lhs), right = getConstant(rhs);
  if (left && right)
    return makeConstant(*this, *left * *right, lhs.getType());
  if (left == 0 || right == 1)
    return lhs;
  if (right == 0 || left == 1)
    return rhs;
  return arith::MulIOp::create(*this, lhs, rhs);
}

Value KernelBuilder::mul(Value lhs, int64_t rhs) { return mul(lhs, makeConstant(*this, rhs, lhs.getType())); }

Value KernelBuilder::div(Value lhs, int64_t rhs) {
  if (rhs == 1)
    return lhs;
  if (llvm::isPowerOf2_64(rhs))
    return arith::ShRUIOp::create(*this, lhs, makeConstant(*this, llvm::Log2_64(rhs), lhs.getType()));
  return arith::DivUIOp::create(*this, lhs, makeConstant(*this, rhs, lhs.getType()));
}

Value KernelBuilder::ceilDiv(Value lhs, int64_t rhs) { return div(add(lhs, rhs - 1), rhs); }

Value KernelBuilder::rem(Value lhs, int64_t rhs) {
  if (rhs == 1)
    return makeConstant(*this, 0, lhs.getType());
  if (llvm::isPowerOf2_64(rhs))
    return bitAnd(lhs, rhs - 1);
  return arith::RemUIOp::create(*this, lhs, makeConstant(*this, rhs, lhs.getType()));
}

SmallVector<Value> KernelBuilder::takeApart(Value place, ArrayRef<int64_t> sizes) {
  SmallVector<Value> indices(sizes.size());
  for (size_t loop = sizes.size(); loop-- > 0;) {
    indices[loop] = loop == 0 ? place : rem(place, sizes[loop]);
    if (loop != 0)
      place = div(place, sizes[loop]);
  }
  return indices;
}

Value KernelBuilder::bitXor(Value lhs, Value rhs) { return arith::XOrIOp::create(*this, lhs, rhs); }
Value KernelBuilder::bitAnd(Value lhs, int64_t rhs) { return arith::AndIOp::create(*this, lhs, makeConstant(*this, rhs, lhs.getType())); }
Value KernelBuilder::min(Value lhs, Value rhs) { return arith::MinSIOp::create(*this, lhs, rhs); }
Value KernelBuilder::lessThan(Value lhs, Value rhs) { return arith::CmpIOp::create(*this, arith::CmpIPredicate::slt, lhs, rhs); }

Value KernelBuilder::select(Value condition, Value whenTrue, Value whenFalse) {
  return arith::SelectOp::create(*this, condition, whenTrue, whenFalse);
}

Value KernelBuilder::widen(Value value) {
  if (std::optional<int64_t> constant = getConstant(value))
    return i64(static_cast<uint32_t>(*constant));
  return arith::ExtUIOp::create(*this, getI64Type(), value);
}

Value KernelBuilder::toI32(Value value) {
  if (value.getType().isIndex())
    return arith::IndexCastOp::create(*this, getI32Type(), value);
  return value.getType().isInteger(32) ? value : arith::TruncIOp::create(*this, getI32Type(), value).getResult();
}

Value KernelBuilder::threadId() { return toI32(gpu::ThreadIdOp::create(*this, gpu::Dimension::x)); }
Value KernelBuilder::blockId(gpu::Dimension dimension) { return toI32(gpu::BlockIdOp::create(*this, dimension)); }

Value KernelBuilder::offset(Value pointer, Value bytes) {
  if (std::optional<int64_t> constant = getConstant(bytes))
    return offset(pointer, bytes.getType().isInteger(32) ? static_cast<uint32_t>(*constant) : *constant);
  Value wide = bytes.getType().isInteger(32) ? widen(bytes) : bytes;
  return LLVM::GEPOp::create(*this, pointer.getType(), getI8Type(), pointer, ArrayRef<LLVM::GEPArg>{wide}, LLVM::GEPNoWrapFlags::inbounds);
}

Value KernelBuilder::offset(Value pointer, int64_t bytes) {
  if (bytes == 0)
    return pointer;
  // Constants within the op have few bits.
  LLVM::GEPArg index =
      llvm::isInt<LLVM::kGEPConstantBitWidth>(bytes) ? LLVM::GEPArg(static_cast<int32_t>(bytes)) : LLVM::GEPArg(i64(bytes));
  return LLVM::GEPOp::create(*this, pointer.getType(), getI8Type(), pointer, ArrayRef{index}, LLVM::GEPNoWrapFlags::inbounds);
}

Value KernelBuilder::sharedMemory() {
  auto space = gpu::AddressSpaceAttr::get(getContext(), gpu::AddressSpace::Workgroup);
  auto type = MemRefType::get({ShapedType::kDynamic}, getI8Type(), MemRefLayoutAttrInterface(), space);
  Value memory = gpu::DynamicSharedMemoryOp::create(*this, type);
  Value address = memref::ExtractAlignedPointerAsIndexOp::create(*this, memory);
  Value wide = arith::IndexCastOp::create(*this, getI64Type(), address);
  return LLVM::IntToPtrOp::create(*this, LLVM::LLVMPointerType::get(getContext(), 3), wide);
}

/// `type` with other elements, of a vector as of one.
static Type withElement(Type type, Type element) {
  auto vector = dyn_cast<VectorType>(type);
  return vector ? Type(vector.clone(element)) : element;
}

/// What memory holds of a type: what takes less than a byte has one for each element (a vector of LLVM's would be packed), as have floats
/// of 8 bits, which LLVM does not have.
static Type getStored(Type type) {
  Type element = getElementTypeOrSelf(type);
  if (!element.isIntOrFloat() || element.getIntOrFloatBitWidth() > 8)
    return type;
  return withElement(type, IntegerType::get(type.getContext(), 8));
}

/// An integer of as many bits as each element.
static Type getBits(Type type) {
  return withElement(type, IntegerType::get(type.getContext(), getElementTypeOrSelf(type).getIntOrFloatBitWidth()));
}

Value KernelBuilder::load(Type type, Value pointer, unsigned alignment) {
  Value value = LLVM::LoadOp::create(*this, getStored(type), pointer, alignment);
  if (value.getType() == type)
    return value;
  if (Type bits = getBits(type); bits != value.getType())
    value = arith::TruncIOp::create(*this, bits, value);
  return value.getType() == type ? value : arith::BitcastOp::create(*this, type, value).getResult();
}

SmallVector<Value> KernelBuilder::loadElements(Type type, Value pointer, int64_t count) {
  unsigned bytes = llvm::divideCeil(type.getIntOrFloatBitWidth(), 8);
  if (count == 1)
    return {load(type, pointer, bytes)};
  Value vector = load(VectorType::get({count}, type), pointer, count * bytes);
  SmallVector<Value> elements;
  for (int64_t i = 0; i < count; ++i)
    elements.push_back(vector::ExtractOp::create(*this, vector, i));
  return elements;
}

void KernelBuilder::store(Value value, Value pointer, unsigned alignment) {
  if (Type type = value.getType(), stored = getStored(type); stored != type) {
    if (Type bits = getBits(type); bits != type)
      value = arith::BitcastOp::create(*this, bits, value);
    if (stored != value.getType())
      value = arith::ExtUIOp::create(*this, stored, value);
  }
  LLVM::StoreOp::create(*this, value, pointer, alignment);
}

void KernelBuilder::storeElements(ArrayRef<Value> values, Value pointer) {
  int64_t count = values.size();
  Type type = values[0].getType();
  Value vector = vector::FromElementsOp::create(*this, VectorType::get({count}, type), values);
  store(vector, pointer, count * llvm::divideCeil(type.getIntOrFloatBitWidth(), 8));
}

SmallVector<Value> KernelBuilder::unpack(Value aggregate) {
  SmallVector<Value> fields;
  for (size_t i = 0, size = cast<LLVM::LLVMStructType>(aggregate.getType()).getBody().size(); i < size; ++i)
    fields.push_back(LLVM::ExtractValueOp::create(*this, aggregate, i));
  return fields;
}

SmallVector<Value> KernelBuilder::loop(Value lower, Value upper, int64_t step, ValueRange carried,
                                       function_ref<SmallVector<Value>(Value, ValueRange)> body) {
  Value stride = makeConstant(*this, step, lower.getType());
  auto loop = scf::ForOp::create(*this, lower, upper, stride, carried);
  OpBuilder::InsertionGuard guard(*this);
  setInsertionPointToStart(loop.getBody());
  SmallVector<Value> next = body(loop.getInductionVar(), loop.getRegionIterArgs());
  setInsertionPointToEnd(loop.getBody());
  if (!carried.empty())
    scf::YieldOp::create(*this, next);
  return SmallVector<Value>(loop.getResults());
}

void KernelBuilder::when(Value condition, function_ref<void()> body) {
  auto branch = scf::IfOp::create(*this, condition, /*withElseRegion=*/false);
  OpBuilder::InsertionGuard guard(*this);
  setInsertionPointToStart(&branch.getThenRegion().front());
  body();
}

} // namespace mlir::lowbit
