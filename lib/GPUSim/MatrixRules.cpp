//===- MatrixRules.cpp - ldmatrix, stmatrix -------------------------------===//
#include "Lowering.h"

namespace mlir::lowbit::gpusim {

template <typename Op> static LogicalResult checkForm(Op op, Lowering &lowering) {
  if (op.getShape().getM() == 8 && op.getShape().getN() == 8 && op.getEltType() == NVVM::LdStMatrixEltType::B16)
    return success();
  return lowering.refuse("of this shape has no model; matrices of 8x8 elements of b16 have");
}

static LogicalResult lowerLoadMatrix(NVVM::LdMatrixOp op, Lowering &lowering) {
  if (failed(checkForm(op, lowering)))
    return failure();
  Value transposed = lowering.word(op.getLayout() == NVVM::MMALayout::col);
  lowering.call("lowbit_sim_load_matrix", {}, {lowering.site(), op.getPtr(), lowering.scratch(), lowering.word(op.getNum()), transposed});
  return lowering.replace(lowering.load(op.getType(), 0));
}

static LogicalResult lowerStoreMatrix(NVVM::StMatrixOp op, Lowering &lowering) {
  if (failed(checkForm(op, lowering)))
    return failure();
  Value registers = lowering.store(op.getSources(), 0);
  if (!registers)
    return failure();
  Value transposed = lowering.word(op.getLayout() == NVVM::MMALayout::col);
  lowering.call("lowbit_sim_store_matrix", {},
                {lowering.site(), op.getPtr(), registers, lowering.word(op.getSources().size()), transposed});
  op.erase();
  return success();
}

void addMatrixRules(Rules &rules) {
  rules.add(lowerLoadMatrix);
  rules.add(lowerStoreMatrix);
}

} // namespace mlir::lowbit::gpusim
