//===- ElementAccess.cpp - elements of buffers, as a lane has them --------===//

#include "ElementAccess.h"
#include "mlir/Dialect/Arith/IR/Arith.h"

namespace mlir::lowbit {

int64_t getElementBytes(Type element) { return llvm::divideCeil(element.getIntOrFloatBitWidth(), 8); }

Value loadElement(KernelBuilder &b, Type element, Value address) { return b.load(element, address, getElementBytes(element)); }

void storeElement(KernelBuilder &b, Value value, Value address) { b.store(value, address, getElementBytes(value.getType())); }

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
