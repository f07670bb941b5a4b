//===- ContractLoops.cpp - the loops that a contraction lowers to ---------===//
//
// Invariant: with the loops in order, dots see their products in row-major order of the op's reductions.
//
//===----------------------------------------------------------------------===//

#include "ContractLoops.h"
#include "lowbit/Analysis/AccumulatorBound.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"

namespace mlir::lowbit {

ContractSide ContractSide::getLhs(ContractOp op) {
  return {op.getLhs(), op.getLhsScales(), op.getLhsZeros(), op.getLhsSchemeAttr(), op.getLhsMap()};
}

ContractSide ContractSide::getRhs(ContractOp op) {
  return {op.getRhs(), op.getRhsScales(), op.getRhsZeros(), op.getRhsSchemeAttr(), op.getRhsMap()};
}

AffineMap getLeadingMap(MLIRContext *context, unsigned numLoops, unsigned loops) {
  return AffineMap::getMultiDimIdentityMap(numLoops, context).getMajorSubMap(loops);
}

AffineMap restrictMap(AffineMap map, unsigned loops) { return AffineMap::get(loops, 0, map.getResults(), map.getContext()); }

/// The size of a loop, read from an operand that has it as an axis of its own.
static OpFoldResult buildLoopSize(OpBuilder &builder, ContractOp op, unsigned loop) {
  int64_t known = op.getLoopSizes()[loop];
  if (!ShapedType::isDynamic(known))
    return builder.getIndexAttr(known);
  Value operands[] = {op.getLhs(), op.getRhs(), op.getInit()};
  for (auto [i, operand] : llvm::enumerate(operands))
    for (auto [axis, expr] : llvm::enumerate(op.getMap(i).getResults()))
      if (expr == getAffineDimExpr(loop, op.getContext()))
        return tensor::getMixedSize(builder, op.getLoc(), operand, axis);
  return {};
}

ContractLoops::ContractLoops(OpBuilder &builder, ContractOp op)
    : builder(builder), loc(op.getLoc()), blocks(getReductionBlocks(op)), positions(op.getNumLoops()), outer(op.getNumLoops()) {
  appendParallel(op);
  appendReductions(op);
}

void ContractLoops::appendParallel(ContractOp op) {
  for (auto [axis, expr] : llvm::enumerate(op.getResultMap().getResults())) {
    positions[cast<AffineDimExpr>(expr).getPosition()] = getDim(numLoops++);
    dotSizes.push_back(tensor::getMixedSize(builder, loc, op.getInit(), axis));
  }
  numParallel = numLoops;
}

void ContractLoops::appendReductions(ContractOp op) {
  for (auto [loop, block] : llvm::enumerate(blocks)) {
    if (block == 0)
      continue;
    outer[loop] = getDim(numLoops++);
    OpFoldResult size = buildLoopSize(builder, op, loop);
    if (std::optional<int64_t> known = getConstantIntValue(size)) {
      dotSizes.push_back(builder.getIndexAttr(*known / block));
      continue;
    }
    Value divisor = arith::ConstantIndexOp::create(builder, loc, block);
    dotSizes.push_back(builder.createOrFold<arith::DivUIOp>(loc, cast<Value>(size), divisor));
  }
  numBlocks = numLoops - numParallel;
  for (auto [loop, block] : llvm::enumerate(blocks)) {
    if (positions[loop])
      continue;
    if (block == 1)
      positions[loop] = outer[loop];
    else if (block == 0)
      positions[loop] = getDim(numLoops++);
    else
      positions[loop] = outer[loop] * block + getDim(numLoops++);
  }
}

Value ContractLoops::buildEmpty(unsigned loops, Type elementType) {
  return tensor::EmptyOp::create(builder, loc, ArrayRef(dotSizes).take_front(loops), elementType);
}

MappedValue ContractLoops::buildCodes(const ContractSide &side) {
  SmallVector<ReassociationIndices> groups;
  SmallVector<OpFoldResult> sizes;
  SmallVector<AffineExpr> results;
  for (auto [axis, expr] : llvm::enumerate(side.map.getResults())) {
    ReassociationIndices &group = groups.emplace_back();
    group.push_back(results.size());
    auto dim = dyn_cast<AffineDimExpr>(expr);
    int64_t block = dim ? blocks[dim.getPosition()] : 0;
    if (block < 2) {
      sizes.push_back(tensor::getMixedSize(builder, loc, side.codes, axis));
      results.push_back(expr.replaceDims(positions));
      continue;
    }
    group.push_back(results.size() + 1);
    AffineExpr block0 = outer[dim.getPosition()];
    sizes.append({dotSizes[cast<AffineDimExpr>(block0).getPosition()], builder.getIndexAttr(block)});
    results.append({block0, positions[dim.getPosition()] - block0 * block});
  }
  AffineMap map = simplifyAffineMap(AffineMap::get(numLoops, 0, results, builder.getContext()));
  if (sizes.size() == groups.size())
    return {side.codes, map};
  SmallVector<int64_t> shape;
  SmallVector<Value> dynamicSizes;
  dispatchIndexOpFoldResults(sizes, dynamicSizes, shape);
  Type type = cast<RankedTensorType>(side.codes.getType()).clone(shape);
  return {tensor::ExpandShapeOp::create(builder, loc, type, side.codes, groups, sizes), map};
}

MappedValue ContractLoops::buildScales(const ContractSide &side, Value scales) {
  Value squeezed = BlockView(builder, loc, side.scheme, side.codes).squeeze(scales);
  SmallVector<AffineExpr> results;
  ArrayRef<int64_t> shape = cast<RankedTensorType>(side.codes.getType()).getShape();
  for (auto [axis, expr] : llvm::enumerate(side.map.getResults())) {
    int64_t share = side.scheme.isPerTensor() ? 0 : side.scheme.getBlock()[axis];
    if (!BlockView::hasScaleAxis(share, shape[axis]))
      continue;
    auto dim = dyn_cast<AffineDimExpr>(expr);
    int64_t block = dim ? blocks[dim.getPosition()] : 0;
    // Where the block of scales is whole blocks of the loop, the place within a block plays no part.
    if (block != 0 && share % block == 0)
      results.push_back(outer[dim.getPosition()].floorDiv(share / block));
    else
      results.push_back(expr.replaceDims(positions).floorDiv(share));
  }
  return {squeezed, AffineMap::get(numLoops, 0, results, builder.getContext())};
}

AffineMap ContractLoops::getEpilogueMap(AffineMap map) const {
  SmallVector<AffineExpr> results;
  for (AffineExpr expr : map.getResults())
    results.push_back(expr.replaceDims(positions));
  return AffineMap::get(numParallel, 0, results, builder.getContext());
}

} // namespace mlir::lowbit
