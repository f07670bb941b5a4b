//===- TableLookup.cpp - rows of a constant table over codes --------------===//
//
// Invariant: dequantize(gather(codes), gather(scales)) == gather(dequantize(codes, scales)), because every looked-up row keeps
// its own scales: a block is one row, or a part of it.
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

/// `op` again, reading `table` instead, which has as many rows; `columns` of them where that is not what `op` reads.
static Value buildLookup(linalg::GenericOp op, RewriterBase &rewriter, Value table, std::optional<int64_t> columns = std::nullopt) {
  Location loc = op.getLoc();
  Value init = op.getDpsInits()[0];
  SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(rewriter, loc, init);
  if (columns)
    sizes.back() = rewriter.getIndexAttr(*columns);
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
      Value element = tensor::ExtractOp::create(builder, loc, table, indices);
      linalg::YieldOp::create(builder, loc, element);
    }
  };
  auto lookup = linalg::GenericOp::create(rewriter, loc, TypeRange{destination.getType()}, op.getDpsInputs(), ValueRange{destination},
                                          op.getIndexingMapsArray(), op.getIteratorTypesArray(), build);
  return lookup.getResult(0);
}

/// Whether the scales of a row are its own, and stand in a row of theirs: one for all of it, or one for each block.
static bool hasScalesByRow(SchemeAttr scheme) {
  ArrayRef<int64_t> block = scheme.getBlock().asArrayRef();
  return !block.empty() && llvm::all_of(block.drop_back(), [](int64_t size) { return size == 1; });
}

static int64_t getNumColumns(Value table) { return cast<RankedTensorType>(table.getType()).getShape().back(); }

FailureOr<Value> buildQuantizedLookup(linalg::GenericOp op, RewriterBase &rewriter, DequantizeOp table) {
  SchemeAttr scheme = table.getScheme();
  bool isByRow = !scheme.isPerTensor() && hasScalesByRow(scheme);
  if (!isByRow && !scheme.isPerTensor())
    return failure();
  for (OpOperand *input : op.getDpsInputOperands())
    if (op.getMatchingIndexingMap(input).isFunctionOfDim(op.getNumLoops() - 1))
      return failure();
  int64_t columns = getNumColumns(table.getCodes());
  // Blocks of which only a part is read would need a scheme of their own.
  if (isByRow && scheme.getBlock().asArrayRef().back() != 0 && op.getStaticLoopRanges().back() != columns)
    return failure();
  Value codes = buildLookup(op, rewriter, table.getCodes());
  Value scales = table.getScales(), zeros = table.getZeros();
  if (isByRow) {
    scales = buildLookup(op, rewriter, scales, getNumColumns(scales));
    if (zeros)
      zeros = buildLookup(op, rewriter, zeros, getNumColumns(zeros));
    SmallVector<int64_t> block(op.getNumLoops(), 1);
    block.back() = scheme.getBlock().asArrayRef().back();
    scheme = SchemeAttr::get(rewriter.getContext(), scheme.getFormat(), rewriter.getDenseI64ArrayAttr(block), scheme.getScale(),
                             scheme.getZero(), scheme.getScaling());
  }
  return DequantizeOp::create(rewriter, op.getLoc(), op.getResult(0).getType(), codes, scales, zeros, scheme).getResult();
}

} // namespace mlir::lowbit
