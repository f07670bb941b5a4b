//===- LowerContract.cpp - cut contractions for registers and caches ------===//
// Law: the three ops of a matmul are computed tile by tile; no accumulator outlives the tile it belongs to.

#include "ReductionLoops.h"
#include "lowbit/Conversion/Passes.h"
#include "lowbit/IR/Remarks.h"
#include "lowbit/Targets/Resolve.h"
#include "mlir/Dialect/SCF/Transforms/TileUsingInterface.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

namespace mlir::lowbit {
#define GEN_PASS_DEF_LOWERCONTRACTPASS
#include "lowbit/Conversion/Passes.h.inc"

static linalg::GenericOp getGeneric(Value value) { return value.getDefiningOp<linalg::GenericOp>(); }

/// What `consumer`, a tile, is computed from; failure when some of it stayed outside of the loops over tiles.
static FailureOr<MatmulTile> getTile(const PackedMatmul &matmul, linalg::GenericOp consumer) {
  MatmulTile tile;
  linalg::GenericOp sums = getGeneric(consumer.getDpsInputs()[0]);
  if (matmul.blockSum) {
    tile.blockSum = sums;
    sums = sums ? getGeneric(sums.getDpsInputs()[0]) : sums;
  }
  tile.dots = sums;
  tile.start = sums ? getGeneric(sums.getDpsInits()[0]) : sums;
  Block *block = consumer->getBlock();
  if (!tile.start || tile.start->getBlock() != block || tile.dots->getBlock() != block)
    return failure();
  return tile;
}

/// Puts the transposition that `rhs` is, or is a view of, into the loop over columns if that is outside of the loop over rows: a panel is
/// read while it is in the caches.
static void sinkTransposition(RewriterBase &rewriter, Value rhs) {
  auto expand = rhs.getDefiningOp<tensor::ExpandShapeOp>();
  auto transpose = (expand ? expand.getSrc() : rhs).getDefiningOp<linalg::TransposeOp>();
  if (!transpose || !rhs.hasOneUse() || (expand && !transpose->hasOneUse()))
    return;
  auto slice = dyn_cast<tensor::ExtractSliceOp>(*rhs.user_begin());
  if (!slice)
    return;
  // It may go inside of loops that all have panels of their own, so that nothing is transposed twice.
  DenseSet<Value> variables;
  for (Value offset : slice.getOffsets())
    variables.insert(offset);
  SmallVector<scf::ForOp> loops;
  for (auto loop = slice->getParentOfType<scf::ForOp>(); loop; loop = loop->getParentOfType<scf::ForOp>())
    loops.insert(loops.begin(), loop);
  auto *varied = llvm::find_if(loops, [&](scf::ForOp loop) { return !variables.contains(loop.getInductionVar()); });
  if (varied == loops.begin() || variables.size() != static_cast<size_t>(varied - loops.begin()))
    return;

  OpBuilder::InsertionGuard guard(rewriter);
  rewriter.setInsertionPointToStart((*std::prev(varied)).getBody());
  Location loc = transpose.getLoc();
  SmallVector<OpFoldResult> offsets = slice.getMixedOffsets(), sizes = slice.getMixedSizes();
  if (expand) {
    SmallVector<OpFoldResult> sourceOffsets, sourceSizes;
    for (const ReassociationIndices &group : expand.getReassociationIndices()) {
      // Of a group, one axis at most is longer than one.
      auto *axis = llvm::find_if(group, [&](int64_t i) { return expand.getType().getDimSize(i) != 1; });
      axis = axis == group.end() ? std::prev(group.end()) : axis;
      sourceOffsets.push_back(offsets[*axis]);
      sourceSizes.push_back(sizes[*axis]);
    }
    offsets = sourceOffsets;
    sizes = sourceSizes;
  }
  SmallVector<OpFoldResult> strides(offsets.size(), rewriter.getIndexAttr(1));
  ArrayRef<int64_t> permutation = transpose.getPermutation();
  auto inverse = [&](ArrayRef<OpFoldResult> values) { return applyPermutation(values, invertPermutationVector(permutation)); };
  Value part = tensor::ExtractSliceOp::create(rewriter, loc, transpose.getInput(), inverse(offsets), inverse(sizes), strides);
  Value empty = tensor::EmptyOp::create(rewriter, loc, sizes, getElementTypeOrSelf(part.getType()));
  Value tiled = linalg::TransposeOp::create(rewriter, loc, part, empty, permutation)->getResult(0);
  if (expand)
    tiled = tensor::ExpandShapeOp::create(rewriter, loc, slice.getType(), tiled, expand.getReassociationIndices());
  rewriter.replaceOp(slice, tiled);
  if (expand)
    rewriter.eraseOp(expand);
  rewriter.eraseOp(transpose);
}

/// Tiles the consumer and computes what it reads inside of its loops, then puts loops around the dot products.
static LogicalResult tileMatmul(RewriterBase &rewriter, PackedMatmul &matmul, bool inTiles) {
  scf::SCFTileAndFuseOptions options;
  options.tilingOptions.setTileSizes(matmul.getTileSizes());
  options.tilingOptions.setInterchange(matmul.getLoopOrder());
  SmallVector<Operation *> ops{matmul.consumer, matmul.dots, matmul.start};
  if (matmul.blockSum)
    ops.insert(ops.begin() + 1, {matmul.blockSum, matmul.blockSum.getDpsInits()[0].getDefiningOp()});
  options.setFusionControlFn(
      [&](tensor::ExtractSliceOp, OpResult producer, bool) -> std::optional<scf::SCFTileAndFuseOptions::ControlFnResult> {
        if (llvm::is_contained(ops, producer.getOwner()))
          return scf::SCFTileAndFuseOptions::ControlFnResult{};
        return std::nullopt;
      });
  Value result = matmul.consumer.getResult(0), rhs = matmul.dots.getDpsInputs()[1];
  FailureOr<scf::SCFTileAndFuseResult> tiled =
      scf::tileConsumerAndFuseProducersUsingSCF(rewriter, cast<TilingInterface>(matmul.consumer.getOperation()), options);
  if (failed(tiled))
    return failure();
  rewriter.replaceAllUsesWith(result, tiled->replacements.lookup(result));
  FailureOr<MatmulTile> tile = getTile(matmul, cast<linalg::GenericOp>(tiled->tiledAndFusedOps.front()));
  if (failed(tile))
    return failure();
  if (inTiles) {
    // Stays whole for the target's pattern, which needs it on buffers.
    tile->dots->removeAttr(vectorizeAttrName);
    tile->dots->setAttr(tileProductAttrName, rewriter.getUnitAttr());
  } else {
    buildReductionLoops(rewriter, matmul, *tile);
  }
  for (Operation *op : ops) {
    // What fused ops were read through is left without a user.
    for (Operation *user : llvm::make_early_inc_range(op->getUsers()))
      if (isOpTriviallyDead(user))
        rewriter.eraseOp(user);
    if (!op->use_empty())
      return failure();
    rewriter.eraseOp(op);
  }
  sinkTransposition(rewriter, rhs);
  return success();
}

namespace {
struct LowerContractPass final : impl::LowerContractPassBase<LowerContractPass> {
  using LowerContractPassBase::LowerContractPassBase;

  void runOnOperation() override {
    FailureOr<QuantTargetAttrInterface> resolved = getPassTarget(getOperation(), target);
    if (failed(resolved))
      return signalPassFailure();
    IRRewriter rewriter(&getContext());
    std::vector<TiledContract> matmuls = collectMatmuls(getOperation(), *resolved, [](ContractOp op, StringRef reason) {
      // Of these the reference lowering makes sums along vectors of channels.
      if (isAlongChannels(op))
        remark::passed(op.getLoc(), getRemarkOptions("contract", op))
            << remark::metric("channels", op.getLoopSizes()[op.getResultMap().getDimPosition(op.getResultMap().getNumResults() - 1)]);
      else
        remark::missed(op.getLoc(), getRemarkOptions("contract", op)) << remark::reason("{0}", reason);
    });
    for (const TiledContract &matmul : matmuls)
      if (failed(lower(rewriter, matmul, *resolved)))
        return signalPassFailure();
  }

  static LogicalResult lower(RewriterBase &rewriter, const TiledContract &contract, QuantTargetAttrInterface target) {
    ContractOp op = contract.op;
    remark::RemarkOpts options = getRemarkOptions("contract", op);
    rewriter.setInsertionPoint(op);
    PackedMatmul matmul(rewriter, op, contract.form, target, contract.tile);
    if (StringRef obstacle = matmul.getObstacle(); !obstacle.empty()) {
      remark::missed(op.getLoc(), options) << remark::reason("{0}", obstacle);
      return success();
    }
    rewriter.replaceOp(op, matmul.build());
    if (failed(tileMatmul(rewriter, matmul, contract.tile.inTiles)))
      return emitError(matmul.getLoc()) << "contraction could not be tiled for the registers of `" << target.getName() << "`";
    remark::passed(matmul.getLoc(), options) << remark::metric("rows", contract.tile.rows)
                                             << remark::metric("columns", contract.tile.columns);
    return success();
  }
};
} // namespace
} // namespace mlir::lowbit
