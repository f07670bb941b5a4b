//===- VectorTranspose.cpp - square tiles transposed in registers ---------===//
// Law: log2(n) rounds of interleaving row i with row i + n/2 transpose an n x n tile.

#include "VectorLoops.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

namespace mlir::lowbit {

/// The dimension that `map` has last, if that is all it is there for.
static std::optional<unsigned> getLastDim(AffineMap map) {
  if (map.getNumResults() == 0)
    return std::nullopt;
  auto dim = dyn_cast<AffineDimExpr>(map.getResults().back());
  return dim ? std::optional(dim.getPosition()) : std::nullopt;
}

FailureOr<TransposePlan> planTranspose(linalg::LinalgOp op, QuantTargetAttrInterface target) {
  if (!op.hasPureBufferSemantics() || op.getNumReductionLoops() != 0 || op.getNumDpsInputs() != 1 || op.getNumDpsInits() != 1 ||
      op.getBlock()->getOperations().size() != 1)
    return failure();
  SmallVector<AffineMap> maps = op.getIndexingMapsArray();
  auto from = dyn_cast<MemRefType>(op.getDpsInputs()[0].getType()), to = dyn_cast<MemRefType>(op.getDpsInits()[0].getType());
  std::optional<unsigned> fromDim = getLastDim(maps[0]), toDim = getLastDim(maps[1]);
  bool isTransposed = fromDim && toDim && fromDim != toDim && maps[0].isPermutation() && maps[1].isPermutation() && from && to &&
                      from.isLastDimUnitStride() && to.isLastDimUnitStride() &&
                      op.getBlock()->getTerminator()->getOperand(0) == op.getBlock()->getArgument(0);
  if (!isTransposed || !from.getElementType().isIntOrFloat() || from.getElementTypeBitWidth() < 8)
    return failure();
  TransposePlan plan{*fromDim, *toDim, getVectorLength(target, from.getElementType())};
  for (unsigned dim : {plan.fromDim, plan.toDim}) {
    int64_t size = op.getStaticLoopRanges()[dim];
    while (plan.lanes > 1 && (ShapedType::isDynamic(size) || size % plan.lanes != 0))
      plan.lanes /= 2;
  }
  if (plan.lanes < 4 || plan.lanes > 16 || llvm::any_of(op.getStaticLoopRanges(), ShapedType::isDynamic))
    return failure();
  return plan;
}

/// Rows of an n x n tile become its columns.
static SmallVector<Value> transposeTile(OpBuilder &builder, Location loc, SmallVector<Value> rows) {
  int64_t n = rows.size();
  auto interleave = [&](Value a, Value c, int64_t begin) {
    SmallVector<int64_t> mask;
    for (int64_t i = begin; i < begin + n / 2; ++i)
      mask.append({i, n + i});
    return vector::ShuffleOp::create(builder, loc, a, c, mask).getResult();
  };
  for (int64_t round = 1; round < n; round *= 2) {
    SmallVector<Value> next;
    for (int64_t i = 0; i < n / 2; ++i)
      next.append({interleave(rows[i], rows[i + n / 2], 0), interleave(rows[i], rows[i + n / 2], n / 2)});
    rows = std::move(next);
  }
  return rows;
}

void buildTransposeLoops(RewriterBase &rewriter, linalg::LinalgOp op, const TransposePlan &plan) {
  OpBuilder::InsertionGuard guard(rewriter);
  rewriter.setInsertionPoint(op);
  Location loc = op.getLoc();
  SmallVector<Value> ivs;
  for (auto [dim, size] : llvm::enumerate(op.getStaticLoopRanges())) {
    bool isTiled = dim == plan.fromDim || dim == plan.toDim;
    auto constant = [&](int64_t value) { return arith::ConstantIndexOp::create(rewriter, loc, value); };
    auto loop = scf::ForOp::create(rewriter, loc, constant(0), constant(size), constant(isTiled ? plan.lanes : 1));
    rewriter.setInsertionPoint(loop.getBody()->getTerminator());
    ivs.push_back(loop.getInductionVar());
  }
  SmallVector<AffineMap> maps = op.getIndexingMapsArray();
  // Row `i` of the tile along `dim`, in the operand whose map is `map`.
  auto getIndices = [&](AffineMap map, unsigned dim, int64_t i) {
    SmallVector<Value> indices;
    for (AffineExpr expr : map.getResults()) {
      unsigned position = cast<AffineDimExpr>(expr).getPosition();
      Value offset = arith::ConstantIndexOp::create(rewriter, loc, i);
      indices.push_back(position == dim ? arith::AddIOp::create(rewriter, loc, ivs[position], offset).getResult() : ivs[position]);
    }
    return indices;
  };
  auto type = VectorType::get({plan.lanes}, cast<MemRefType>(op.getDpsInputs()[0].getType()).getElementType());
  SmallVector<Value> rows;
  for (int64_t i = 0; i < plan.lanes; ++i)
    rows.push_back(vector::LoadOp::create(rewriter, loc, type, op.getDpsInputs()[0], getIndices(maps[0], plan.toDim, i)));
  for (auto [i, row] : llvm::enumerate(transposeTile(rewriter, loc, rows)))
    vector::StoreOp::create(rewriter, loc, row, op.getDpsInits()[0], getIndices(maps[1], plan.fromDim, i));
}

} // namespace mlir::lowbit
