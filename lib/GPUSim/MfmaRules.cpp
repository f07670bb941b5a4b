//===- MfmaRules.cpp - v_mfma ---------------------------------------------===//
#include "Lowering.h"
#include "mlir/Dialect/LLVMIR/ROCDLDialect.h"

namespace mlir::lowbit::gpusim {

template <typename Op> static LogicalResult lowerProduct(Op op, Lowering &lowering) {
  constexpr unsigned right = 2, sums = 4; // words into the scratch memory
  OpBuilder &builder = lowering.builder;
  Value a = op->getOperand(0), b = op->getOperand(1), c = op->getOperand(2);
  for (auto [value, place] : {std::pair(a, 0u), std::pair(b, right), std::pair(c, sums)})
    LLVM::StoreOp::create(builder, lowering.getLoc(), value, lowering.scratch(place));
  Value bytes = lowering.word(a.getType().getIntOrFloatBitWidth() / 8);
  lowering.call("lowbit_sim_mfma", {}, {lowering.site(), lowering.scratch(), lowering.scratch(right), lowering.scratch(sums), bytes});
  return lowering.replace(LLVM::LoadOp::create(builder, lowering.getLoc(), c.getType(), lowering.scratch(sums)).getResult());
}

void addMfmaRules(Rules &rules) {
  rules.add(lowerProduct<ROCDL::mfma_i32_16x16x16i8>);
  rules.add(lowerProduct<ROCDL::mfma_i32_16x16x32_i8>);
}

} // namespace mlir::lowbit::gpusim
