//===- TableLookup.cpp - rows of a constant table over codes --------------===//
//
// Invariant: dequantize(gather(codes), gather(scales)) == gather(dequantize(codes, scales)), because every looked-up row keeps
// its own scales: the block is one row.
//
//===----------------------------------------------------------------------===//

#include "LinalgModels.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/IRMapping.h"

namespace mlir::lowbit {

tensor::ExtractOp getTableLookup(linalg::GenericOp op) {
  if (!op.hasPureTensorSemantics() || op.getNumDpsInits() != 1 || op.getNumReductionLoops() != 0)
    return {};
  auto extract = op.getBody()->getTerminator()->getOperand(0).getDefiningOp<tensor::ExtractOp>();
  if (!extract || extract->getBlock() != op.getBody())
    return {};
  bool isTable = isConstantTensor(extract.getTensor()) && isa<FloatType>(extract.getType());
  return isTable ? extract : tensor::ExtractOp();
}

SmallVector<QuantizableOperand> getTableOperands(linalg::GenericOp op, std::string &reason) {
  tensor::ExtractOp extract = getTableLookup(op);
  if (!extract)
    return {};
  int64_t rank = extract.getTensor().getType().getRank();
  if (rank < 2 || !op.getMatchingIndexingMap(op.getDpsInitOperand(0)).isIdentity()) {
    reason = "its table is not looked up row by row";
    return {};
  }
  // The last axis must be read along a loop, so that codes of one row meet one scale.
  auto column = extract.getIndices().back().getDefiningOp<linalg::IndexOp>();
  if (!column || column.getDim() + 1 != op.getNumLoops()) {
    reason = "its table is not read along whole rows";
    return {};
  }
  SmallVector<int64_t> rows = llvm::to_vector(llvm::seq<int64_t>(0, rank - 1));
  return {{&extract.getTensorMutable(), OperandRole::Weight, "weight", rows, {rank - 1}}};
}

/// `op` again, reading `table` instead, with a result of that element type; column zero only if `firstColumnOnly`.
static Value buildLookup(linalg::GenericOp op, RewriterBase &rewriter, Value table, bool firstColumnOnly) {
  Location loc = op.getLoc();
  Value init = op.getDpsInits()[0];
  SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(rewriter, loc, init);
  if (firstColumnOnly)
    sizes.back() = rewriter.getIndexAttr(1);
  Value destination = tensor::EmptyOp::create(rewriter, loc, sizes, getElementTypeOrSelf(table.getType()));
  auto build = [&](OpBuilder &builder, Location loc, ValueRange arguments) {
    IRMapping mapping;
    mapping.map(op.getBody()->getArguments().drop_back(), arguments.drop_back());
    for (Operation &inner : op.getBody()->without_terminator()) {
      auto extract = dyn_cast<tensor::ExtractOp>(inner);
      if (!extract || extract != getTableLookup(op)) {
        builder.clone(inner, mapping);
        continue;
      }
      SmallVector<Value> indices;
      for (Value index : extract.getIndices())
        indices.push_back(mapping.lookupOrDefault(index));
      if (firstColumnOnly)
        indices.back() = arith::ConstantIndexOp::create(builder, loc, 0);
      Value element = tensor::ExtractOp::create(builder, loc, table, indices);
      linalg::YieldOp::create(builder, loc, element);
    }
  };
  auto lookup = linalg::GenericOp::create(rewriter, loc, TypeRange{destination.getType()}, op.getDpsInputs(), ValueRange{destination},
                                          op.getIndexingMapsArray(), op.getIteratorTypesArray(), build);
  return lookup.getResult(0);
}

FailureOr<Value> buildQuantizedLookup(linalg::GenericOp op, RewriterBase &rewriter, DequantizeOp table) {
  int64_t rank = cast<RankedTensorType>(table.getCodes().getType()).getRank();
  SchemeAttr scheme = table.getScheme();
  SmallVector<int64_t> rowBlock(rank, 1);
  rowBlock.back() = 0;
  bool isPerRow = !scheme.isPerTensor() && scheme.getBlock().asArrayRef() == ArrayRef<int64_t>(rowBlock);
  if (!isPerRow && !scheme.isPerTensor())
    return failure();
  for (OpOperand *input : op.getDpsInputOperands())
    if (op.getMatchingIndexingMap(input).isFunctionOfDim(op.getNumLoops() - 1))
      return failure();
  Value codes = buildLookup(op, rewriter, table.getCodes(), /*firstColumnOnly=*/false);
  Value scales = table.getScales(), zeros = table.getZeros();
  if (isPerRow) {
    scales = buildLookup(op, rewriter, scales, /*firstColumnOnly=*/true);
    if (zeros)
      zeros = buildLookup(op, rewriter, zeros, /*firstColumnOnly=*/true);
    SmallVector<int64_t> block(op.getNumLoops(), 1);
    block.back() = 0;
    scheme = SchemeAttr::get(rewriter.getContext(), scheme.getFormat(), rewriter.getDenseI64ArrayAttr(block), scheme.getScale(),
                             scheme.getZero(), scheme.getScaling());
  }
  return DequantizeOp::create(rewriter, op.getLoc(), op.getResult(0).getType(), codes, scales, zeros, scheme).getResult();
}

} // namespace mlir::lowbit
