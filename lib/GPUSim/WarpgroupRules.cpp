//===- WarpgroupRules.cpp - wgmma -----------------------------------------===//
// Law: accumulators are places by now (Accumulators.cpp), so a product gives back the place that it was given.

#include "Lowering.h"
#include "Types.h"

namespace mlir::lowbit::gpusim {

static LogicalResult lowerProduct(NVVM::WgmmaMmaAsyncOp op, Lowering &lowering) {
  const StringRef aName = NVVM::stringifyEnum(op.getTypeA()), bName = NVVM::stringifyEnum(op.getTypeB());
  const std::optional<unsigned> aInteger = findIntegerType(aName), bInteger = findIntegerType(bName);
  const std::optional<unsigned> aFloat = findFloatType(aName), bFloat = findFloatType(bName);
  const bool isInteger = aInteger && bInteger;
  if (!isInteger && !(aFloat && bFloat))
    return lowering.refuse("of these types has no model");
  if (op.getShape().getM() != 64 || op.getShape().getK() * findBits(aName) != 256)
    return lowering.refuse("of this shape has no model");
  const bool aTransposed = op.getLayoutA() == NVVM::MMALayout::col, bTransposed = op.getLayoutB() == NVVM::MMALayout::row;
  if ((aTransposed || bTransposed) && findBits(aName) != 16)
    return lowering.refuse("has a layout that only types of 16 bits have; expected `row` of A and `col` of B");
  const bool aNegated = op.getScaleA() == NVVM::WGMMAScaleIn::neg, bNegated = op.getScaleB() == NVVM::WGMMAScaleIn::neg;
  const bool saturates = op.getSatfinite() && *op.getSatfinite() == NVVM::MMAIntOverflow::satfinite;
  const unsigned flags = unsigned(saturates) | unsigned(op.getScaleD() == NVVM::WGMMAScaleOut::one) << 1 | unsigned(aTransposed) << 2 |
                         unsigned(bTransposed) << 3 | unsigned(aNegated != bNegated) << 4 |
                         unsigned(op.getTypeD() == NVVM::WGMMATypes::f16) << 5;
  SmallVector<Value> arguments = {lowering.site(), op.getInouts(), op.getDescriptorA(), op.getDescriptorB()};
  for (unsigned value : {unsigned(op.getShape().getN()), isInteger ? *aInteger : *aFloat, isInteger ? *bInteger : *bFloat, flags})
    arguments.push_back(lowering.word(value));
  lowering.call(isInteger ? "lowbit_sim_wgmma_integer" : "lowbit_sim_wgmma_float", {}, arguments);
  op->getResult(0).replaceAllUsesWith(op.getInouts());
  op.erase();
  return success();
}

static LogicalResult lowerWait(NVVM::WgmmaWaitGroupSyncOp op, Lowering &lowering) {
  lowering.call("lowbit_sim_wgmma_wait", {}, lowering.word(op.getGroup()));
  op.erase();
  return success();
}

void addWarpgroupRules(Rules &rules) {
  rules.add(lowerProduct);
  rules.call<NVVM::WgmmaFenceAlignedOp>("lowbit_sim_wgmma_fence");
  rules.call<NVVM::WgmmaGroupSyncAlignedOp>("lowbit_sim_wgmma_commit");
  rules.add(lowerWait);
}

} // namespace mlir::lowbit::gpusim
