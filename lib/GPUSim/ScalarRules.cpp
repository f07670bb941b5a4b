//===- ScalarRules.cpp - dp4a, dp2a, prmt, fma of halves ------------------===//
#include "Lowering.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"

namespace mlir::lowbit::gpusim {

template <typename Op> static LogicalResult lowerDot(Op op, Lowering &lowering) {
  Value a = lowering.toWord(op.getA()), b = lowering.toWord(op.getB());
  if (!a || !b)
    return failure();
  auto isSigned = [&](NVVM::DotAccumulateType type) { return lowering.word(type == NVVM::DotAccumulateType::SIGNED); };
  SmallVector<Value> arguments = {a, b, op.getC(), isSigned(op.getAType()), isSigned(op.getBType())};
  StringRef name = "lowbit_sim_dp4a";
  if constexpr (std::is_same_v<Op, NVVM::DotAccumulate2WayOp>) {
    name = "lowbit_sim_dp2a";
    arguments.push_back(lowering.word(op.getBHi()));
  }
  return lowering.replace(lowering.call(name, lowering.getWordType(), arguments));
}

static LogicalResult lowerPermute(NVVM::PermuteOp op, Lowering &lowering) {
  // The enumerators are the simulator's.
  Value mode = lowering.word(static_cast<int64_t>(op.getMode())), high = op.getHi() ? op.getHi() : lowering.word(0);
  return lowering.replace(lowering.call("lowbit_sim_prmt", lowering.getWordType(), {mode, op.getLo(), high, op.getSelector()}));
}

/// Hosts have no fused multiply-add of halves, and not all have the conversion from f64 that code generation would call. Products are exact
/// in f64, and so are sums that are near the middle of two halves; f32 takes them rounded to odd, so that the last rounding is the only
/// one.
static LogicalResult lowerFma(math::FmaOp op, Lowering &lowering) {
  if (!getElementTypeOrSelf(op.getType()).isF16())
    return success();
  OpBuilder &b = lowering.builder;
  Location loc = lowering.getLoc();
  auto vector = dyn_cast<VectorType>(op.getType());
  auto of = [&](Type element) -> Type { return vector ? vector.clone(element) : element; };
  Type f64 = of(b.getF64Type()), f32 = of(b.getF32Type()), i32 = of(b.getI32Type());
  auto widen = [&](Value value) { return arith::ExtFOp::create(b, loc, f64, value).getResult(); };
  Value product = arith::MulFOp::create(b, loc, widen(op.getA()), widen(op.getB()));
  Value sum = arith::AddFOp::create(b, loc, product, widen(op.getC()));
  Value near = arith::TruncFOp::create(b, loc, f32, sum), back = widen(near), bits = arith::BitcastOp::create(b, loc, i32, near);
  auto size = [&](Value value) { return math::AbsFOp::create(b, loc, value).getResult(); };
  Value isAbove = arith::CmpFOp::create(b, loc, arith::CmpFPredicate::OGT, size(back), size(sum));
  Value isInexact = arith::CmpFOp::create(b, loc, arith::CmpFPredicate::ONE, back, sum);
  Value below = arith::SubIOp::create(b, loc, bits, arith::ExtUIOp::create(b, loc, i32, isAbove));
  Value odd = arith::OrIOp::create(b, loc, below, arith::ConstantOp::create(b, loc, b.getOneAttr(i32)));
  Value chosen = arith::SelectOp::create(b, loc, isInexact, odd, bits);
  return lowering.replace(arith::TruncFOp::create(b, loc, op.getType(), arith::BitcastOp::create(b, loc, f32, chosen)));
}

void addScalarRules(Rules &rules) {
  rules.add(lowerDot<NVVM::DotAccumulate4WayOp>);
  rules.add(lowerDot<NVVM::DotAccumulate2WayOp>);
  rules.add(lowerPermute);
  rules.add(lowerFma);
}

} // namespace mlir::lowbit::gpusim
