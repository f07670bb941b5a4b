//===- WarpReduce.cpp - what lanes of a warp combine ----------------------===//

#include "WarpReduce.h"
#include "mlir/Analysis/SliceAnalysis.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/IR/IRMapping.h"

namespace mlir::lowbit {

bool isOrderFree(Operation *combiner) {
  if (auto sum = dyn_cast<arith::AddFOp>(combiner))
    return bitEnumContainsAll(sum.getFastmath(), arith::FastMathFlags::reassoc);
  // Of two zeros these may give either, and of a NaN and a number the number.
  if (isa<arith::MaxNumFOp, arith::MinNumFOp>(combiner)) {
    auto flags = cast<arith::ArithFastMathInterface>(combiner).getFastMathFlagsAttr();
    return flags && bitEnumContainsAll(flags.getValue(), arith::FastMathFlags::nsz);
  }
  return isa<arith::AddIOp, arith::MaxSIOp, arith::MinSIOp, arith::MaxUIOp, arith::MinUIOp, arith::AndIOp, arith::OrIOp, arith::XOrIOp,
             arith::MaximumFOp, arith::MinimumFOp>(combiner);
}

Operation *findCombiner(linalg::LinalgOp op, unsigned result) {
  SmallVector<Operation *> chain;
  // The result is one op of what was there and of a value in which it plays no part.
  bool isOne = matchReduction(op.getRegionOutputArgs(), result, chain) && chain.size() == 1;
  return isOne && isOrderFree(chain[0]) ? chain[0] : nullptr;
}

Value combine(KernelBuilder &b, Operation *combiner, Value accumulator, Value before, Value element) {
  IRMapping mapping;
  bool isFirst = combiner->getOperand(0) == accumulator;
  mapping.map(combiner->getOperand(0), isFirst ? before : element);
  mapping.map(combiner->getOperand(1), isFirst ? element : before);
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
