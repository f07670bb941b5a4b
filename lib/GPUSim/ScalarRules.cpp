//===- ScalarRules.cpp - dp4a, dp2a, prmt ---------------------------------===//
#include "Lowering.h"

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

void addScalarRules(Rules &rules) {
  rules.add(lowerDot<NVVM::DotAccumulate4WayOp>);
  rules.add(lowerDot<NVVM::DotAccumulate2WayOp>);
  rules.add(lowerPermute);
}

} // namespace mlir::lowbit::gpusim
