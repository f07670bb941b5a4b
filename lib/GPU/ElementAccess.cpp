//===- ElementAccess.cpp - elements of buffers, as a lane has them --------===//

#include "ElementAccess.h"
#include "mlir/Dialect/Arith/IR/Arith.h"

namespace mlir::lowbit {

/// No GPU loads a bit, or a float of 8 bits or fewer, as what it is.
static bool isInByte(Type element) { return element.isInteger(1) || (isa<FloatType>(element) && element.getIntOrFloatBitWidth() <= 8); }
static Type getStored(Type element) { return isInByte(element) ? IntegerType::get(element.getContext(), 8) : element; }
static Type getBits(Type element) { return IntegerType::get(element.getContext(), element.getIntOrFloatBitWidth()); }

int64_t getElementBytes(Type element) { return llvm::divideCeil(getStored(element).getIntOrFloatBitWidth(), 8); }

Value loadElement(KernelBuilder &b, Type element, Value address) {
  Value value = b.load(getStored(element), address, getElementBytes(element));
  if (!isInByte(element))
    return value;
  Type bits = getBits(element);
  if (bits != value.getType())
    value = arith::TruncIOp::create(b, bits, value);
  return bits == element ? value : arith::BitcastOp::create(b, element, value).getResult();
}

void storeElement(KernelBuilder &b, Value value, Value address) {
  Type element = value.getType(), bits = isInByte(element) ? getBits(element) : element;
  if (bits != element)
    value = arith::BitcastOp::create(b, bits, value);
  if (bits != getStored(element))
    value = arith::ExtUIOp::create(b, getStored(element), value);
  b.store(value, address, getElementBytes(element));
}

Value getElementOffset(KernelBuilder &b, Type element, ArrayRef<int64_t> strides, ArrayRef<Value> places) {
  Value elements = b.i64(0);
  for (auto [place, stride] : llvm::zip_equal(places, strides))
    elements = b.add(elements, b.mul(b.widen(place), stride));
  return b.mul(elements, getElementBytes(element));
}

Value evaluate(KernelBuilder &b, AffineExpr expr, ArrayRef<Value> dims, ArrayRef<Value> symbols) {
  if (auto dim = dyn_cast<AffineDimExpr>(expr))
    return dims[dim.getPosition()];
  if (auto symbol = dyn_cast<AffineSymbolExpr>(expr))
    return symbols[symbol.getPosition()];
  if (auto constant = dyn_cast<AffineConstantExpr>(expr))
    return b.i32(constant.getValue());
  auto binary = cast<AffineBinaryOpExpr>(expr);
  Value lhs = evaluate(b, binary.getLHS(), dims, symbols);
  auto rhs = dyn_cast<AffineConstantExpr>(binary.getRHS());
  switch (expr.getKind()) {
  case AffineExprKind::Add:
    return b.add(lhs, evaluate(b, binary.getRHS(), dims, symbols));
  case AffineExprKind::Mul:
    return rhs ? b.mul(lhs, rhs.getValue()) : b.mul(lhs, evaluate(b, binary.getRHS(), dims, symbols));
  case AffineExprKind::FloorDiv:
    return b.div(lhs, rhs.getValue());
  case AffineExprKind::CeilDiv:
    return b.ceilDiv(lhs, rhs.getValue());
  default:
    return b.rem(lhs, rhs.getValue());
  }
}

} // namespace mlir::lowbit
