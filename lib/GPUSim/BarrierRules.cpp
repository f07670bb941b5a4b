//===- BarrierRules.cpp - barriers of threads and fences ------------------===//
#include "Lowering.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"

namespace mlir::lowbit::gpusim {

static Value callBarrier(Value number, Value count, unsigned reduction, Value predicate, Lowering &lowering) {
  auto orZero = [&](Value value) { return value ? value : lowering.word(0); };
  Value arguments[] = {lowering.site(), orZero(number), orZero(count), lowering.word(reduction), orZero(predicate)};
  return lowering.call("lowbit_sim_barrier", lowering.getWordType(), arguments);
}

template <typename Op> static LogicalResult lowerPlainBarrier(Op op, Lowering &lowering) {
  callBarrier({}, {}, 0, {}, lowering);
  op.erase();
  return success();
}

static LogicalResult lowerBarrier(NVVM::BarrierOp op, Lowering &lowering) {
  const unsigned reduction = op.getReductionOp() ? static_cast<unsigned>(*op.getReductionOp()) + 1 : 0;
  Value result = callBarrier(op.getBarrierId(), op.getNumberOfThreads(), reduction, op.getReductionPredicate(), lowering);
  if (op.getRes())
    op.getRes().replaceAllUsesWith(result);
  op.erase();
  return success();
}

static LogicalResult lowerArrive(NVVM::BarrierArriveOp op, Lowering &lowering) {
  Value number = op.getBarrierId() ? op.getBarrierId() : lowering.word(0);
  lowering.call("lowbit_sim_barrier_arrive", {}, {lowering.site(), number, op.getNumberOfThreads()});
  op.erase();
  return success();
}

static LogicalResult lowerWarpBarrier(NVVM::SyncWarpOp op, Lowering &lowering) {
  lowering.call("lowbit_sim_warp_barrier", {}, {lowering.site(), op.getMask()});
  op.erase();
  return success();
}

static LogicalResult lowerProxyFence(NVVM::FenceProxyOp op, Lowering &lowering) {
  switch (op.getKind()) {
  case NVVM::ProxyKind::async:
  case NVVM::ProxyKind::async_shared:
    lowering.call("lowbit_sim_fence_proxy", {}, {});
    break;
  case NVVM::ProxyKind::async_global: // of global memory no proxies are followed
    break;
  default:
    return lowering.refuse("of this kind has no model; `async` and `async.shared` have");
  }
  op.erase();
  return success();
}

void addBarrierRules(Rules &rules) {
  rules.add(lowerPlainBarrier<gpu::BarrierOp>);
  rules.add(lowerPlainBarrier<NVVM::Barrier0Op>);
  rules.add(lowerBarrier);
  rules.add(lowerArrive);
  rules.ignore<NVVM::GriddepcontrolOp>(); // one kernel runs at a time
  rules.ignore<NVVM::PrefetchOp>();       // caches are not followed
  rules.add(lowerWarpBarrier);
  rules.add(lowerProxyFence);
  rules.call<NVVM::FenceMbarrierInitOp>("lowbit_sim_fence_mbarriers");
  // Without a barrier nobody can count on what a fence orders; registers and time are not simulated.
  rules.ignore<NVVM::MembarOp>();
  rules.ignore<NVVM::SetMaxRegisterOp>();
  rules.ignore<NVVM::NanosleepOp>();
  rules.ignore<NVVM::PrefetchOp>();
}

} // namespace mlir::lowbit::gpusim
