//===- ProductParts.cpp - what contractions that become products share ----===//

#include "ProductParts.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

namespace mlir::lowbit {

unsigned appendScales(OpBuilder &builder, Location loc, const ContractAxes &axes, SideScales lhs, SideScales rhs,
                      SmallVectorImpl<Value> &operands) {
  if (axes.hasSwappedSides())
    std::swap(lhs, rhs);
  size_t before = operands.size();
  for (auto [scales, map] : {lhs, rhs})
    if (scales)
      operands.push_back(axes.formOperand(builder, loc, scales, map));
  return operands.size() - before;
}

void appendEpilogueOperands(OpBuilder &builder, ContractOp op, const ContractAxes &axes, SmallVectorImpl<Value> &operands) {
  for (auto [i, operand] : llvm::enumerate(op.getEpilogueOperands()))
    operands.push_back(axes.formOperand(builder, op.getLoc(), operand, op.getMap(3 + i)));
}

Value formInit(OpBuilder &builder, ContractOp op, const ContractAxes &axes) {
  auto type = cast<RankedTensorType>(op.getResult().getType());
  SmallVector<int64_t> shape = axes.getResultShape();
  if (type.getShape() == ArrayRef(shape))
    return op.getInit();
  return tensor::EmptyOp::create(builder, op.getLoc(), shape, type.getElementType());
}

Block *createEpilogue(RewriterBase &rewriter, Location loc, Region &epilogue, Type sum, ValueRange operands) {
  SmallVector<Type> types{sum};
  for (Value operand : operands)
    types.push_back(getElementTypeOrSelf(operand.getType()));
  return rewriter.createBlock(&epilogue, {}, types, SmallVector<Location>(types.size(), loc));
}

Value buildFilledUp(OpBuilder &builder, Location loc, Value value, ArrayRef<int64_t> shape) {
  auto type = cast<RankedTensorType>(value.getType());
  Value zero = arith::ConstantOp::create(builder, loc, builder.getZeroAttr(type.getElementType()));
  Value empty = tensor::EmptyOp::create(builder, loc, shape, type.getElementType());
  Value zeros = linalg::FillOp::create(builder, loc, zero, empty).getResult(0);
  SmallVector<OpFoldResult> offsets(shape.size(), builder.getIndexAttr(0)), strides(shape.size(), builder.getIndexAttr(1));
  return tensor::InsertSliceOp::create(builder, loc, value, zeros, offsets, getAsIndexOpFoldResult(builder.getContext(), type.getShape()),
                                       strides);
}

Value readThroughTranspose(Value value, AffineMap &map) {
  auto move = value.getDefiningOp<linalg::LinalgOp>();
  if (!move || move.getNumDpsInputs() != 1 || move.getNumDpsInits() != 1 || move.getNumReductionLoops() != 0 ||
      move.getBlock()->getOperations().size() != 1 || move.getBlock()->getTerminator()->getOperand(0) != move.getBlock()->getArgument(0))
    return nullptr;
  AffineMap read = move.getMatchingIndexingMap(move.getDpsInputOperand(0)),
            written = move.getMatchingIndexingMap(move.getDpsInitOperand(0));
  if (!read.isPermutation() || !written.isPermutation())
    return nullptr;
  map = read.compose(inversePermutation(written)).compose(map);
  return move.getDpsInputs()[0];
}

} // namespace mlir::lowbit
