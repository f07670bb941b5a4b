//===- FormRows.cpp - chains over rows become loops for one kernel each ---===//
// Law: what is formed has a kernel; every op computes what it computed.

#include "LoneRows.h"
#include "PassGPU.h"
#include "ProductParts.h"
#include "RowSteps.h"
#include "lowbit/GPU/Passes.h"
#include "lowbit/IR/Lowbit.h"
#include "lowbit/IR/Remarks.h"
#include "lowbit/Transforms/RowGroups.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/Linalg/Transforms/Transforms.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Tensor/Transforms/Transforms.h"
#include "mlir/IR/Matchers.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/Interfaces/FunctionInterfaces.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

namespace mlir::lowbit {
#define GEN_PASS_DEF_FORMROWSPASS
#include "lowbit/GPU/Passes.h.inc"

/// Lets products of halves read through transposes.
static void readThroughTransposes(RewriterBase &rewriter, linalg::GenericOp op) {
  if (!linalg::isaContractionOpInterface(op))
    return;
  SmallVector<AffineMap> maps = op.getIndexingMapsArray();
  bool isChanged = false;
  for (OpOperand *input : op.getDpsInputOperands())
    if (Value source = readThroughTranspose(input->get(), maps[input->getOperandNumber()])) {
      input->set(source);
      isChanged = true;
    }
  if (isChanged)
    rewriter.modifyOpInPlace(op, [&] { op.setIndexingMapsAttr(rewriter.getAffineMapArrayAttr(maps)); });
}

/// Whether an elementwise op reads rows that a linalg op made with more axes: it then takes those, and can join it.
static bool isBehindCollapse(OpOperand *operand) {
  auto collapse = operand->get().getDefiningOp<tensor::CollapseShapeOp>();
  auto consumer = dyn_cast<linalg::GenericOp>(operand->getOwner());
  return collapse && consumer && consumer.getNumReductionLoops() == 0 && consumer->getNumResults() == 1 &&
         isa_and_present<linalg::LinalgOp>(collapse.getSrc().getDefiningOp()) && consumer.getMatchingIndexingMap(operand).isIdentity();
}

/// Whether an op that combines along rows reads rows that a linalg op made with fewer axes, or starts from a fill of such: it then takes
/// those, and can join it.
static bool isBehindExpansion(OpOperand *operand) {
  auto reads = [](Value value) {
    auto expand = value.getDefiningOp<tensor::ExpandShapeOp>();
    return expand && isa_and_present<linalg::LinalgOp>(expand.getSrc().getDefiningOp());
  };
  if (isa<tensor::CollapseShapeOp>(operand->getOwner())) {
    auto fill = operand->get().getDefiningOp<linalg::GenericOp>();
    return fill && fill->hasOneUse() && fill.getNumDpsInputs() == 0;
  }
  auto consumer = dyn_cast<linalg::GenericOp>(operand->getOwner());
  return consumer && consumer.getNumReductionLoops() == 1 && consumer.getNumDpsInputs() == 1 &&
         consumer.getIteratorTypesArray().back() == utils::IteratorType::reduction && reads(operand->get());
}

/// A division by what is the same along a row, where it may be, becomes a product with the reciprocal, which a lane computes once.
static void takeReciprocals(const RowStep &step) {
  if (!step.column || !step.serial.empty())
    return;
  DenseSet<Value> varying = step.findVarying();
  IRRewriter rewriter(step.op.getContext());
  for (auto division : llvm::make_early_inc_range(step.op.getBlock()->getOps<arith::DivFOp>())) {
    if (!varying.contains(division.getResult()) || varying.contains(division.getRhs()) ||
        !bitEnumContainsAll(division.getFastmath(), arith::FastMathFlags::arcp) || matchPattern(division.getRhs(), m_Constant()))
      continue;
    rewriter.setInsertionPoint(division);
    Value one = arith::ConstantOp::create(rewriter, division.getLoc(), rewriter.getFloatAttr(division.getType(), 1.0));
    Value reciprocal = arith::DivFOp::create(rewriter, division.getLoc(), one, division.getRhs());
    varying.erase(division.getResult());
    auto product = rewriter.replaceOpWithNewOp<arith::MulFOp>(division, division.getLhs(), reciprocal, division.getFastmathAttr());
    varying.insert(product.getResult());
  }
}

namespace {
struct FormRowsPass final : impl::FormRowsPassBase<FormRowsPass> {
  using FormRowsPassBase::FormRowsPassBase;

  void runOnOperation() override {
    const GPUArchitecture *gpu = getPassGPU(getOperation(), target);
    if (!gpu)
      return signalPassFailure();
    RewritePatternSet patterns(&getContext());
    linalg::populateFoldReshapeOpsByExpansionPatterns(patterns, isBehindCollapse);
    linalg::populateFoldReshapeOpsByCollapsingPatterns(patterns, isBehindExpansion);
    tensor::populateFoldTensorEmptyPatterns(patterns);
    linalg::FillOp::getCanonicalizationPatterns(patterns, &getContext());
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns), GreedyRewriteConfig().enableConstantCSE(false))))
      return signalPassFailure();
    IRRewriter rewriter(&getContext());
    SmallVector<Block *> blocks;
    getOperation()->walk([&](FunctionOpInterface function) {
      for (Block &block : function.getFunctionBody())
        blocks.push_back(&block);
    });
    for (Block *block : blocks) {
      for (auto op : llvm::to_vector(block->getOps<linalg::GenericOp>()))
        readThroughTransposes(rewriter, op);
      eraseUnused(*block);
      giveLoneOpsRows(*block);
      SmallVector<RowGroup> groups = findRowGroups(*block, /*fewestRows=*/1);
      for (const RowGroup &group : groups)
        if (failed(form(group, *gpu)))
          return signalPassFailure();
      eraseUnused(*block);
      for (auto loop : block->getOps<scf::ForallOp>())
        if (loop.getRank() <= mostPlaces)
          mapToBlocks(loop);
    }
  }

private:
  /// Of a device, that upstream has names for.
  static constexpr int64_t mostPlaces = 10;

  /// What has a place on the device is a kernel even where it is a single block: folders leave it alone.
  static void mapToBlocks(scf::ForallOp loop) {
    MLIRContext *context = loop.getContext();
    SmallVector<Attribute> places = llvm::map_to_vector(llvm::seq<int64_t>(0, loop.getRank()), [&](int64_t i) -> Attribute {
      return gpu::GPUBlockMappingAttr::get(context, static_cast<gpu::MappingId>(static_cast<int64_t>(gpu::MappingId::LinearDim0) + i));
    });
    loop.setMappingAttr(ArrayAttr::get(context, places));
  }

  static void eraseUnused(Block &block) {
    for (Operation &op : llvm::make_early_inc_range(llvm::reverse(block)))
      if (isa<linalg::LinalgOp>(op) && isOpTriviallyDead(&op))
        op.erase();
  }

  LogicalResult form(const RowGroup &group, const GPUArchitecture &gpu) {
    SmallVector<RowStep> steps;
    std::string obstacle;
    FailureOr<RowLayout> layout = failure();
    bool isEach = llvm::all_of(group.ops, [&](const RowOp &member) {
      FailureOr<RowStep> step = findRowStep(member.op, member.rowLoops, obstacle);
      if (succeeded(step))
        steps.push_back(*step);
      return succeeded(step);
    });
    if (isEach)
      layout = findRowLayout(steps, gpu, obstacle);
    remark::RemarkOpts options = getRemarkOptions("rows", group.position);
    if (failed(layout)) {
      remark::missed(group.ops.back().op.getLoc(), options) << remark::reason("{0}", obstacle);
      return success();
    }
    int64_t rows = getRows(group, *layout, gpu);
    for (const RowStep &step : steps) {
      step.op->setAttr(rowAttrName, IntegerAttr::get(IntegerType::get(step.op->getContext(), 64), step.row));
      setSumOrder(step.op, findSumOrder(step, *layout));
      takeReciprocals(step);
    }
    remark::passed(group.ops.back().op.getLoc(), options) << remark::metric("ops", group.ops.size()) << remark::metric("rows", rows);
    return loops ? buildRowLoops(group, {rows, /*areParallel=*/true}) : success();
  }

  /// Rows of a block: as many as leave every multiprocessor one, up to where more would share nothing more.
  static int64_t getRows(const RowGroup &group, const RowLayout &layout, const GPUArchitecture &gpu) {
    int64_t size = group.sizes.back(), outer = llvm::product_of(group.sizes) / size, warps = layout.shares > 1 ? 1 : 4;
    while (warps > 1 && outer * llvm::divideCeil(size, warps * layout.getWarpRows()) < gpu.multiprocessors)
      warps /= 2;
    return std::min(size, warps * layout.getWarpRows());
  }
};
} // namespace
} // namespace mlir::lowbit
