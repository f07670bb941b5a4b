//===- CopyRules.cpp - cp.async -------------------------------------------===//
#include "Lowering.h"

namespace mlir::lowbit::gpusim {

static LogicalResult lowerCopy(NVVM::CpAsyncOp op, Lowering &lowering) {
  Value size = lowering.word(op.getSize()), read = op.getCpSize() ? op.getCpSize() : size;
  lowering.call("lowbit_sim_copy_async", {}, {lowering.site(), op.getDst(), op.getSrc(), size, read});
  op.erase();
  return success();
}

static LogicalResult lowerWait(NVVM::CpAsyncWaitGroupOp op, Lowering &lowering) {
  lowering.call("lowbit_sim_copy_wait", {}, {lowering.site(), lowering.word(op.getN())});
  op.erase();
  return success();
}

void addCopyRules(Rules &rules) {
  rules.add(lowerCopy);
  rules.call<NVVM::CpAsyncCommitGroupOp>("lowbit_sim_copy_commit");
  rules.add(lowerWait);
}

} // namespace mlir::lowbit::gpusim
