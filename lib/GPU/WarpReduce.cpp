//===- WarpReduce.cpp - what lanes of a warp combine ----------------------===//

#include "WarpReduce.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/IRMapping.h"

namespace mlir::lowbit {

Value join(KernelBuilder &b, Operation *combiner, Value accumulator, Value before, function_ref<Value(Value)> get) {
  auto fma = dyn_cast<math::FmaOp>(combiner);
  if (!before && fma)
    return arith::MulFOp::create(b, get(fma.getA()), get(fma.getB()));
  if (!before)
    return get(combiner->getOperand(combiner->getOperand(0) == accumulator ? 1 : 0));
  IRMapping mapping;
  for (Value operand : combiner->getOperands())
    mapping.map(operand, operand == accumulator ? before : get(operand));
  return b.clone(*combiner, mapping)->getResult(0);
}

Value exchangeLanes(KernelBuilder &b, Value value, int64_t distance) {
  Type type = value.getType();
  unsigned width = type.getIntOrFloatBitWidth();
  Type bits = b.getIntegerType(width);
  Value word = isa<FloatType>(type) ? arith::BitcastOp::create(b, bits, value).getResult() : value;
  auto move = [&](Value part) -> Value {
    return NVVM::ShflOp::create(b, b.getI32Type(), b.i32(-1), part, b.i32(distance), b.i32(31), NVVM::ShflKind::bfly, UnitAttr());
  };
  Value moved;
  if (width <= 32) {
    moved = move(width == 32 ? word : arith::ExtUIOp::create(b, b.getI32Type(), word).getResult());
    moved = width == 32 ? moved : arith::TruncIOp::create(b, bits, moved).getResult();
  } else {
    Value low = b.widen(move(b.toI32(word))), high = b.widen(move(b.toI32(b.div(word, int64_t(1) << 32))));
    moved = arith::OrIOp::create(b, low, b.mul(high, int64_t(1) << 32));
  }
  return isa<FloatType>(type) ? arith::BitcastOp::create(b, type, moved).getResult() : moved;
}

} // namespace mlir::lowbit
