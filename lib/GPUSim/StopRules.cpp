//===- StopRules.cpp - what ends a kernel on purpose ----------------------===//
#include "Lowering.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"

namespace mlir::lowbit::gpusim {

static LogicalResult lowerAssert(cf::AssertOp op, Lowering &lowering) {
  Value truth = arith::ConstantIntOp::create(lowering.builder, lowering.getLoc(), /*value=*/1, /*width=*/1);
  Value isWrong = arith::XOrIOp::create(lowering.builder, lowering.getLoc(), op.getArg(), truth);
  lowering.when(isWrong, [&] { lowering.call("lowbit_sim_assert", {}, {lowering.site(), lowering.text(op.getMsg())}); });
  op.erase();
  return success();
}

void addStopRules(Rules &rules) { rules.add(lowerAssert); }

} // namespace mlir::lowbit::gpusim
