//===- TableRule.cpp - the derivative of a table lookup -------------------===//
// Law: rows are added in the order of the loops, so that the sum does not depend on threads.

#include "TableRule.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/IRMapping.h"

namespace mlir::lowbit {

static tensor::ExtractOp getLookup(linalg::GenericOp op) {
  auto lookup = op.getBody()->getTerminator()->getOperand(0).getDefiningOp<tensor::ExtractOp>();
  return lookup && lookup->getBlock() == op.getBody() ? lookup : tensor::ExtractOp();
}

bool readsActiveTable(linalg::GenericOp op, const Gradients &gradients) {
  tensor::ExtractOp lookup = op.getNumResults() == 1 ? getLookup(op) : tensor::ExtractOp();
  return lookup && gradients.isActive(lookup.getTensor());
}

/// Whether the body reads whole rows of its table: the last axis along the last loop, places of rows from what is the same along it.
static bool readsRows(linalg::GenericOp op, tensor::ExtractOp lookup) {
  unsigned last = op.getNumLoops() - 1;
  auto column = lookup.getIndices().back().getDefiningOp<linalg::IndexOp>();
  if (!column || column.getDim() != last || op.getNumReductionLoops() != 0 ||
      !op.getMatchingIndexingMap(op.getDpsInitOperand(0)).isIdentity())
    return false;
  for (OpOperand *input : op.getDpsInputOperands()) {
    AffineMap map = op.getMatchingIndexingMap(input);
    if (!map.isProjectedPermutation() || map.isFunctionOfDim(last))
      return false;
  }
  return llvm::none_of(op.getBody()->getOps<linalg::IndexOp>(),
                       [&](linalg::IndexOp each) { return each.getDim() == last && each != column; });
}

/// Loops over `sizes` that hand `sum` on.
static Value buildLoops(OpBuilder &builder, Location loc, ValueRange sizes, SmallVectorImpl<Value> &place, Value sum,
                        function_ref<Value(OpBuilder &, ValueRange, Value)> body) {
  if (place.size() == sizes.size())
    return body(builder, place, sum);
  Value zero = arith::ConstantIndexOp::create(builder, loc, 0), one = arith::ConstantIndexOp::create(builder, loc, 1);
  auto loop = scf::ForOp::create(builder, loc, zero, sizes[place.size()], one, sum,
                                 [&](OpBuilder &b, Location nested, Value index, ValueRange carried) {
                                   place.push_back(index);
                                   Value next = buildLoops(b, loc, sizes, place, carried[0], body);
                                   place.pop_back();
                                   scf::YieldOp::create(b, nested, next);
                                 });
  return loop.getResult(0);
}

LogicalResult buildTableGradient(linalg::GenericOp op, OpBuilder &builder, Gradients &gradients) {
  tensor::ExtractOp lookup = getLookup(op);
  if (!readsRows(op, lookup))
    return op->emitError()
           << "`" << op->getName()
           << "` has no derivative by the table that its body reads: expected whole rows, the last axis along the last loop";
  Location loc = op.getLoc();
  Value table = lookup.getTensor(), cotangent = gradients.lookup(op.getResult(0));
  auto type = cast<RankedTensorType>(table.getType());
  SmallVector<Value> sizes;
  for (unsigned loop = 0; loop + 1 < op.getNumLoops(); ++loop)
    sizes.push_back(getValueOrCreateConstantIndexOp(builder, loc, tensor::getMixedSize(builder, loc, cotangent, loop)));
  OpFoldResult columns = tensor::getMixedSize(builder, loc, cotangent, op.getNumLoops() - 1);
  auto rowType = RankedTensorType::get({cast<RankedTensorType>(cotangent.getType()).getShape().back()}, type.getElementType());
  /// A row at `place` of a tensor with one axis more.
  auto getRow = [&](OpBuilder &b, ArrayRef<OpFoldResult> place, SmallVectorImpl<OpFoldResult> &offsets,
                    SmallVectorImpl<OpFoldResult> &shape) {
    offsets.assign(place.begin(), place.end());
    offsets.push_back(b.getIndexAttr(0));
    shape.assign(place.size(), b.getIndexAttr(1));
    shape.push_back(columns);
    return SmallVector<OpFoldResult>(offsets.size(), b.getIndexAttr(1));
  };
  auto addRow = [&](OpBuilder &b, ValueRange place, Value sum) -> Value {
    IRMapping mapping;
    for (OpOperand *input : op.getDpsInputOperands()) {
      SmallVector<Value> indices;
      for (AffineExpr axis : op.getMatchingIndexingMap(input).getResults())
        indices.push_back(place[cast<AffineDimExpr>(axis).getPosition()]);
      mapping.map(op.getMatchingBlockArgument(input), tensor::ExtractOp::create(b, loc, input->get(), indices).getResult());
    }
    for (Operation &inner : op.getBody()->without_terminator()) {
      if (auto index = dyn_cast<linalg::IndexOp>(inner)) {
        if (index.getDim() < place.size())
          mapping.map(index.getResult(), place[index.getDim()]);
      } else if (&inner != lookup)
        b.clone(inner, mapping);
    }
    SmallVector<OpFoldResult> row, offsets, shape;
    for (Value index : lookup.getIndices().drop_back())
      row.push_back(mapping.lookupOrDefault(index));
    SmallVector<OpFoldResult> ones = getRow(b, SmallVector<OpFoldResult>(place.begin(), place.end()), offsets, shape);
    Value given = tensor::ExtractSliceOp::create(b, loc, rowType, cotangent, offsets, shape, ones);
    ones = getRow(b, row, offsets, shape);
    Value old = tensor::ExtractSliceOp::create(b, loc, rowType, sum, offsets, shape, ones);
    Value empty = tensor::EmptyOp::create(b, loc, ArrayRef<OpFoldResult>{columns}, type.getElementType());
    Value added = linalg::AddOp::create(b, loc, ValueRange{old, given}, empty).getResult(0);
    return tensor::InsertSliceOp::create(b, loc, added, sum, offsets, shape, ones);
  };
  SmallVector<Value> place;
  gradients.add(builder, loc, table, buildLoops(builder, loc, sizes, place, buildZerosLike(builder, loc, table), addRow));
  return success();
}

} // namespace mlir::lowbit
