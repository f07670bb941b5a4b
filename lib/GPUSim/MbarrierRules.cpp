//===- MbarrierRules.cpp - mbarrier.* -------------------------------------===//
#include "Lowering.h"
#include "mlir/Dialect/Arith/IR/Arith.h"

namespace mlir::lowbit::gpusim {

static LogicalResult lowerInit(NVVM::MBarrierInitOp op, Lowering &lowering) {
  lowering.when(op.getPredicate(), [&] { lowering.call("lowbit_sim_mbarrier_init", {}, {lowering.site(), op.getAddr(), op.getCount()}); });
  op.erase();
  return success();
}

static Value arrive(Value address, Value count, bool drop, Lowering &lowering) {
  Value arrivals = count ? count : lowering.word(1);
  return lowering.call("lowbit_sim_mbarrier_arrive", lowering.builder.getI64Type(),
                       {lowering.site(), address, arrivals, lowering.word(drop)});
}

static void expect(Value address, Value bytes, Lowering &lowering) {
  lowering.call("lowbit_sim_mbarrier_expect", {}, {lowering.site(), address, bytes});
}

template <typename Op> static LogicalResult lowerArrive(Op op, Lowering &lowering) {
  if (op.getRelaxed())
    return lowering.refuse("that is relaxed has no model");
  Value state = arrive(op.getAddr(), op.getCount(), std::is_same_v<Op, NVVM::MBarrierArriveDropOp>, lowering);
  if (op.getRes())
    op.getRes().replaceAllUsesWith(state);
  op.erase();
  return success();
}

static LogicalResult lowerArriveExpect(NVVM::MBarrierArriveExpectTxOp op, Lowering &lowering) {
  if (op.getRelaxed())
    return lowering.refuse("that is relaxed has no model");
  if (op.getPredicate() && op.getRes())
    return lowering.refuse("with a predicate and a result has no model");
  lowering.when(op.getPredicate(), [&] {
    expect(op.getAddr(), op.getTxcount(), lowering);
    Value state = arrive(op.getAddr(), {}, /*drop=*/false, lowering);
    if (op.getRes())
      op.getRes().replaceAllUsesWith(state);
  });
  op.erase();
  return success();
}

static LogicalResult lowerExpect(NVVM::MBarrierExpectTxOp op, Lowering &lowering) {
  expect(op.getAddr(), op.getTxcount(), lowering);
  op.erase();
  return success();
}

static LogicalResult lowerComplete(NVVM::MBarrierCompleteTxOp op, Lowering &lowering) {
  Value fewer = arith::SubIOp::create(lowering.builder, lowering.getLoc(), lowering.word(0), op.getTxcount());
  expect(op.getAddr(), fewer, lowering);
  op.erase();
  return success();
}

static SmallVector<Value> getWaitArguments(Value address, Value stateOrPhase, Lowering &lowering) {
  const bool isState = stateOrPhase.getType().isInteger(64);
  return {lowering.site(), address, lowering.toInteger(stateOrPhase, 64), lowering.word(isState)};
}

static LogicalResult lowerWait(NVVM::MBarrierTryWaitParityOp op, Lowering &lowering) {
  lowering.call("lowbit_sim_mbarrier_wait", {}, getWaitArguments(op.getAddr(), op.getPhase(), lowering));
  op.erase();
  return success();
}

/// It may wait as long as it likes, so it waits until the phase has ended.
static LogicalResult lowerTryWait(NVVM::MBarrierTryWaitOp op, Lowering &lowering) {
  if (op.getRelaxed())
    return lowering.refuse("that is relaxed has no model");
  lowering.call("lowbit_sim_mbarrier_wait", {}, getWaitArguments(op.getAddr(), op.getStateOrPhase(), lowering));
  return lowering.replace(arith::ConstantOp::create(lowering.builder, lowering.getLoc(), lowering.builder.getBoolAttr(true)));
}

static LogicalResult lowerTestWait(NVVM::MBarrierTestWaitOp op, Lowering &lowering) {
  if (op.getRelaxed())
    return lowering.refuse("that is relaxed has no model");
  Value done =
      lowering.call("lowbit_sim_mbarrier_test", lowering.getWordType(), getWaitArguments(op.getAddr(), op.getStateOrPhase(), lowering));
  return lowering.replace(lowering.isNotZero(done));
}

static LogicalResult lowerCopyArrive(NVVM::CpAsyncMBarrierArriveOp op, Lowering &lowering) {
  if (!op.getNoinc())
    return lowering.refuse("without `noinc` has no model");
  lowering.call("lowbit_sim_copy_arrive", {}, {lowering.site(), op.getAddr()});
  op.erase();
  return success();
}

void addMbarrierRules(Rules &rules) {
  rules.add(lowerInit);
  rules.add(lowerArrive<NVVM::MBarrierArriveOp>);
  rules.add(lowerArrive<NVVM::MBarrierArriveDropOp>);
  rules.add(lowerArriveExpect);
  rules.add(lowerExpect);
  rules.add(lowerComplete);
  rules.add(lowerWait);
  rules.add(lowerTryWait);
  rules.add(lowerTestWait);
  rules.add(lowerCopyArrive);
  rules.ignore<NVVM::MBarrierInvalOp>();
}

} // namespace mlir::lowbit::gpusim
