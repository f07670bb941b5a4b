//===- LowerContract.cpp - cut contractions for registers and caches ------===//
// Law: the three ops of a matmul are computed tile by tile; no accumulator outlives the tile it belongs to.

#include "PackedMatmul.h"
#include "lowbit/Conversion/Passes.h"
#include "lowbit/Targets/Resolve.h"
#include "mlir/Dialect/SCF/Transforms/TileUsingInterface.h"
#include "mlir/IR/Remarks.h"
#include "mlir/Interfaces/FunctionInterfaces.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

namespace mlir::lowbit {
#define GEN_PASS_DEF_LOWERCONTRACTPASS
#include "lowbit/Conversion/Passes.h.inc"

/// Tiles the consumer and computes what it reads inside of its loops, then puts a loop around the dot products.
static LogicalResult tileMatmul(RewriterBase &rewriter, PackedMatmul &matmul, bool inTiles) {
  scf::SCFTileAndFuseOptions options;
  options.tilingOptions.setTileSizes(matmul.getTileSizes());
  options.tilingOptions.setInterchange(matmul.getLoopOrder());
  Operation *fused[] = {matmul.dots, matmul.start};
  options.setFusionControlFn(
      [&](tensor::ExtractSliceOp, OpResult producer, bool) -> std::optional<scf::SCFTileAndFuseOptions::ControlFnResult> {
        if (llvm::is_contained(fused, producer.getOwner()))
          return scf::SCFTileAndFuseOptions::ControlFnResult{};
        return std::nullopt;
      });
  Value result = matmul.consumer.getResult(0);
  FailureOr<scf::SCFTileAndFuseResult> tiled =
      scf::tileConsumerAndFuseProducersUsingSCF(rewriter, cast<TilingInterface>(matmul.consumer.getOperation()), options);
  if (failed(tiled))
    return failure();
  rewriter.replaceAllUsesWith(result, tiled->replacements.lookup(result));
  for (Operation *op : tiled->tiledAndFusedOps) {
    auto generic = dyn_cast<linalg::GenericOp>(op);
    if (!generic || generic.getNumReductionLoops() == 0)
      continue;
    if (inTiles) {
      // Stays whole for the target's pattern, which needs it on buffers.
      generic->removeAttr(vectorizeAttrName);
      generic->setAttr(tileProductAttrName, rewriter.getUnitAttr());
      continue;
    }
    scf::SCFTilingOptions reduction;
    reduction.setTileSizes(matmul.getReductionTileSizes());
    rewriter.setInsertionPoint(generic);
    FailureOr<scf::SCFTilingResult> loop = scf::tileUsingSCF(rewriter, cast<TilingInterface>(op), reduction);
    if (failed(loop))
      return failure();
    rewriter.replaceOp(generic, loop->replacements);
  }
  for (Operation *op : {matmul.consumer.getOperation(), matmul.dots.getOperation(), matmul.start.getOperation()}) {
    // What fused ops were read through is left without a user.
    for (Operation *user : llvm::make_early_inc_range(op->getUsers()))
      if (isOpTriviallyDead(user))
        rewriter.eraseOp(user);
    if (!op->use_empty())
      return failure();
    rewriter.eraseOp(op);
  }
  return success();
}

namespace {
struct LowerContractPass final : impl::LowerContractPassBase<LowerContractPass> {
  using LowerContractPassBase::LowerContractPassBase;

  void runOnOperation() override {
    FailureOr<QuantTargetAttrInterface> resolved = getPassTarget(getOperation(), target);
    if (failed(resolved))
      return signalPassFailure();
    if ((*resolved).getVectorBits() == 0)
      return;
    SmallVector<ContractOp> contracts;
    getOperation()->walk([&](ContractOp op) { contracts.push_back(op); });
    IRRewriter rewriter(&getContext());
    for (ContractOp op : contracts)
      if (failed(lower(rewriter, op, *resolved)))
        return signalPassFailure();
  }

  static LogicalResult lower(RewriterBase &rewriter, ContractOp op, QuantTargetAttrInterface target) {
    std::string reason;
    FailureOr<MatmulForm> form = getMatmulForm(op, reason);
    auto function = op->getParentOfType<FunctionOpInterface>();
    StringRef name = function ? function.getName() : "";
    if (failed(form)) {
      remark::missed(op.getLoc(), remark::RemarkOpts::name("contract").category("lowbit").function(name)) << remark::reason("{0}", reason);
      return success();
    }
    RegisterTile tile = chooseRegisterTile(target, *form);
    rewriter.setInsertionPoint(op);
    PackedMatmul matmul(rewriter, op, *form, target, tile);
    rewriter.replaceOp(op, matmul.build());
    if (failed(tileMatmul(rewriter, matmul, tile.inTiles)))
      return emitError(matmul.getLoc()) << "contraction could not be tiled for the registers of `" << target.getName() << "`";
    remark::passed(matmul.getLoc(), remark::RemarkOpts::name("contract").category("lowbit").function(name))
        << remark::metric("rows", tile.rows) << remark::metric("columns", tile.columns);
    return success();
  }
};
} // namespace
} // namespace mlir::lowbit
