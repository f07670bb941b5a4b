//===- BulkRules.cpp - cp.async.bulk, with and without tensor maps --------===//
#include "Lowering.h"

namespace mlir::lowbit::gpusim {

static LogicalResult lowerTensorLoad(NVVM::CpAsyncBulkTensorGlobalToSharedClusterOp op, Lowering &lowering) {
  if (op.getMulticastMask() || op.getGroup())
    return lowering.refuse("to several blocks of a cluster has no model");
  if (op.getMode() != NVVM::TMALoadMode::TILE || !op.getIm2colOffsets().empty())
    return lowering.refuse("in this mode has no model; `tile` has");
  lowering.when(op.getPredicate(), [&] {
    Value coordinates = lowering.store(op.getCoordinates(), 0);
    lowering.call(
        "lowbit_sim_tensor_load", {},
        {lowering.site(), op.getDstMem(), op.getTmaDescriptor(), op.getMbar(), coordinates, lowering.word(op.getCoordinates().size())});
  });
  op.erase();
  return success();
}

static LogicalResult lowerTensorStore(NVVM::CpAsyncBulkTensorSharedCTAToGlobalOp op, Lowering &lowering) {
  if (op.getMode() != NVVM::TMAStoreMode::TILE)
    return lowering.refuse("in this mode has no model; `tile` has");
  lowering.when(op.getPredicate(), [&] {
    Value coordinates = lowering.store(op.getCoordinates(), 0);
    lowering.call("lowbit_sim_tensor_store", {},
                  {lowering.site(), op.getTmaDescriptor(), op.getSrcMem(), coordinates, lowering.word(op.getCoordinates().size())});
  });
  op.erase();
  return success();
}

static LogicalResult lowerBulkLoad(NVVM::CpAsyncBulkGlobalToSharedClusterOp op, Lowering &lowering) {
  if (op.getMulticastMask())
    return lowering.refuse("to several blocks of a cluster has no model");
  lowering.call("lowbit_sim_bulk_load", {}, {lowering.site(), op.getDstMem(), op.getSrcMem(), op.getMbar(), op.getSize()});
  op.erase();
  return success();
}

static LogicalResult lowerBulkStore(NVVM::CpAsyncBulkSharedCTAToGlobalOp op, Lowering &lowering) {
  if (op.getByteMask())
    return lowering.refuse("of some bytes of each 16 has no model");
  lowering.call("lowbit_sim_bulk_store", {}, {lowering.site(), op.getDstMem(), op.getSrcMem(), op.getSize()});
  op.erase();
  return success();
}

/// What is stored is stored at the same time as it is read, so `read` makes no difference.
static LogicalResult lowerWait(NVVM::CpAsyncBulkWaitGroupOp op, Lowering &lowering) {
  lowering.call("lowbit_sim_bulk_wait", {}, {lowering.site(), lowering.word(op.getGroup())});
  op.erase();
  return success();
}

void addBulkRules(Rules &rules) {
  rules.add(lowerTensorLoad);
  rules.add(lowerTensorStore);
  rules.add(lowerBulkLoad);
  rules.add(lowerBulkStore);
  rules.call<NVVM::CpAsyncBulkCommitGroupOp>("lowbit_sim_bulk_commit");
  rules.add(lowerWait);
  rules.ignore<NVVM::CpAsyncBulkPrefetchOp>();
  rules.ignore<NVVM::CpAsyncBulkTensorPrefetchOp>();
}

} // namespace mlir::lowbit::gpusim
