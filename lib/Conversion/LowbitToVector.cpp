//===- LowbitToVector.cpp - tiles to the target's vector code -------------===//
// Law: only what our tiler marked is vectorized, and a tile that is too large to unroll is refused.

#include "PackedMatmul.h"
#include "lowbit/Conversion/Passes.h"
#include "lowbit/Targets/Resolve.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/Transforms/Transforms.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Vector/Transforms/LoweringPatterns.h"
#include "mlir/Dialect/Vector/Transforms/VectorRewritePatterns.h"
#include "mlir/IR/Dominance.h"
#include "mlir/Transforms/CSE.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
#include "mlir/Transforms/LoopInvariantCodeMotionUtils.h"

namespace mlir::lowbit {
#define GEN_PASS_DEF_CONVERTLOWBITTOVECTORPASS
#include "lowbit/Conversion/Passes.h.inc"

/// Holds the shape that a vector op is unrolled to, while the pass runs.
static constexpr StringLiteral nativeShapeAttrName = "lowbit.native_shape";
/// Elements of the largest iteration space that is unrolled.
static constexpr int64_t maxTileElements = 1 << 14;

static LogicalResult vectorizeMarked(RewriterBase &rewriter, Operation *root) {
  SmallVector<linalg::LinalgOp> marked;
  root->walk([&](linalg::LinalgOp op) {
    if (op->hasAttr(vectorizeAttrName))
      marked.push_back(op);
  });
  for (linalg::LinalgOp op : marked) {
    SmallVector<int64_t> sizes = op.getStaticLoopRanges();
    if (llvm::is_contained(sizes, ShapedType::kDynamic) || ShapedType::getNumElements(sizes) > maxTileElements)
      return op.emitOpError() << "is marked `" << vectorizeAttrName
                              << "`, but its loops are not a register tile; expected static sizes of at most " << maxTileElements
                              << " elements in all, run `lowbit-lower-contract` to cut it";
    rewriter.setInsertionPoint(op);
    FailureOr<linalg::VectorizationResult> result = linalg::vectorize(rewriter, op);
    if (failed(result))
      return op.emitOpError("could not be vectorized");
    rewriter.replaceOp(op, result->replacements);
  }
  return success();
}

/// Marks `value`'s op, and what it is computed from element by element, with the shape of one native operand.
static void setNativeShape(Value value, ArrayRef<int64_t> shape) {
  Operation *op = value.getDefiningOp();
  if (!op || op->hasAttr(nativeShapeAttrName) || !(isa<vector::TransferReadOp>(op) || OpTrait::hasElementwiseMappableTraits(op)))
    return;
  op->setAttr(nativeShapeAttrName, DenseI64ArrayAttr::get(op->getContext(), shape));
  if (!isa<vector::TransferReadOp>(op))
    for (Value operand : op->getOperands())
      setNativeShape(operand, shape);
}

/// The dot product takes the last parallel loop as lanes and the last reduction as depth: all of it where products are of floats.
static void setNativeContractShapes(Operation *root, DotProduct dot) {
  root->walk([&](vector::ContractionOp op) {
    SmallVector<int64_t> shape(op.getIteratorTypes().size(), 1);
    bool hasLanes = false, hasDepth = false;
    SmallVector<int64_t> sizes = *op.getShapeForUnroll();
    int64_t depth = isa<FloatType>(getElementTypeOrSelf(op.getResultType())) ? sizes.back() : dot.depth;
    for (int64_t loop = shape.size() - 1; loop >= 0; --loop) {
      bool isReduction = vector::isReductionIterator(op.getIteratorTypes()[loop]);
      bool &done = isReduction ? hasDepth : hasLanes;
      if (!done)
        shape[loop] = isReduction ? depth : dot.lanes;
      done = true;
    }
    op->setAttr(nativeShapeAttrName, DenseI64ArrayAttr::get(op->getContext(), shape));
    for (auto [operand, map] : llvm::zip(op->getOperands(), op.getIndexingMapsArray()))
      setNativeShape(operand, applyPermutationMap(map, ArrayRef<int64_t>(shape)));
  });
}

/// Everything else becomes single registers: all axes of size one but the last.
static void setNativeRegisterShapes(Operation *root, int64_t lanes) {
  root->walk([&](Operation *op) {
    if (op->hasAttr(nativeShapeAttrName) || isa<vector::MultiDimReductionOp, vector::ContractionOp>(op))
      return;
    Value vector = isa<vector::TransferWriteOp>(op) ? op->getOperand(0) : op->getNumResults() == 1 ? op->getResult(0) : Value();
    auto type = vector ? dyn_cast<VectorType>(vector.getType()) : VectorType();
    if (!type || type.getRank() == 0)
      return;
    SmallVector<int64_t> shape(type.getRank(), 1);
    shape.back() = type.getShape().back() % lanes == 0 ? lanes : type.getShape().back();
    op->setAttr(nativeShapeAttrName, DenseI64ArrayAttr::get(op->getContext(), shape));
  });
}

static std::optional<SmallVector<int64_t>> getNativeShape(Operation *op) {
  auto shape = op->getAttrOfType<DenseI64ArrayAttr>(nativeShapeAttrName);
  return shape ? std::optional(llvm::to_vector(shape.asArrayRef())) : std::nullopt;
}

static LogicalResult apply(Operation *root, function_ref<void(RewritePatternSet &)> populate) {
  RewritePatternSet patterns(root->getContext());
  populate(patterns);
  return applyPatternsGreedily(root, std::move(patterns));
}

/// Folds of the vector ops, so that reads see what was written before them.
static void populateFolds(RewritePatternSet &patterns) {
  MLIRContext *context = patterns.getContext();
  context->getLoadedDialect<vector::VectorDialect>()->getCanonicalizationPatterns(patterns);
  for (RegisteredOperationName name : context->getRegisteredOperationsByDialect("vector"))
    name.getCanonicalizationPatterns(patterns, context);
  for (StringRef dialect : {"tensor", "scf"})
    for (RegisteredOperationName name : context->getRegisteredOperationsByDialect(dialect))
      name.getCanonicalizationPatterns(patterns, context);
}

/// Erases writes that a later one replaces before anything reads them: codes of one byte, one after the other, write every accumulator.
static void eraseOverwritten(Operation *root) {
  SmallVector<vector::TransferWriteOp> writes;
  root->walk([&](vector::TransferWriteOp write) {
    if (isa<RankedTensorType>(write.getBase().getType()))
      writes.push_back(write);
  });
  auto isSame = [](vector::TransferWriteOp a, vector::TransferWriteOp b) {
    return a.getIndices() == b.getIndices() && a.getVectorType() == b.getVectorType() && a.getPermutationMap() == b.getPermutationMap() &&
           !a.getMask() && !b.getMask();
  };
  DenseSet<Operation *> erased;
  for (vector::TransferWriteOp write : llvm::reverse(writes)) {
    if (erased.contains(write))
      continue;
    auto earlier = write.getBase().getDefiningOp<vector::TransferWriteOp>();
    while (earlier && earlier->hasOneUse() && !isSame(earlier, write) &&
           vector::isDisjointTransferIndices(cast<VectorTransferOpInterface>(earlier.getOperation()),
                                             cast<VectorTransferOpInterface>(write.getOperation())))
      earlier = earlier.getBase().getDefiningOp<vector::TransferWriteOp>();
    if (!earlier || !earlier->hasOneUse() || !isSame(earlier, write))
      continue;
    earlier.getResult().replaceAllUsesWith(earlier.getBase());
    erased.insert(earlier);
    earlier->erase();
  }
}

/// The vector of a part of the accumulators is read from all of them, and written to them: slices would hide which registers it is.
static void foldPartsOfSums(RewriterBase &rewriter, Operation *root) {
  root->walk([&](tensor::InsertSliceOp insert) {
    auto write = insert.getSource().getDefiningOp<vector::TransferWriteOp>();
    auto part = write ? write.getBase().getDefiningOp<tensor::ExtractSliceOp>() : tensor::ExtractSliceOp();
    vector::TransferReadOp read;
    if (!part || !llvm::hasNItems(part->getUsers(), 2))
      return;
    for (Operation *user : part->getUsers())
      read = isa<vector::TransferReadOp>(user) ? cast<vector::TransferReadOp>(user) : read;
    bool isWhole = read && part.getSource() == insert.getDest() && part.hasUnitStride() &&
                   write.getVectorType().getShape() == part.getType().getShape() && read.getVectorType() == write.getVectorType() &&
                   read.getPermutationMap().isIdentity() && write.getPermutationMap().isIdentity();
    if (!isWhole)
      return;
    rewriter.setInsertionPoint(read);
    SmallVector<Value> indices = getValueOrCreateConstantIndexOp(rewriter, read.getLoc(), part.getMixedOffsets());
    rewriter.replaceOpWithNewOp<vector::TransferReadOp>(read, read.getVectorType(), part.getSource(), indices, read.getPermutationMapAttr(),
                                                        read.getPadding(), read.getMask(), read.getInBoundsAttr());
    rewriter.setInsertionPoint(insert);
    rewriter.replaceOpWithNewOp<vector::TransferWriteOp>(insert, insert.getType(), write.getValueToStore(), insert.getDest(), indices,
                                                         write.getPermutationMapAttr(), write.getMask(), write.getInBoundsAttr());
    rewriter.eraseOp(write);
    rewriter.eraseOp(part);
  });
}

/// Accumulators go round the loop over the reduction as values.
static void hoistAccumulators(RewriterBase &rewriter, Operation *root) {
  SmallVector<LoopLikeOpInterface> loops;
  root->walk([&](LoopLikeOpInterface loop) { loops.push_back(loop); });
  for (LoopLikeOpInterface loop : loops)
    hoistLoopInvariantSubsets(rewriter, loop);
}

namespace {
/// What one register is computed from, moved to where it is written or yielded.
class RegisterChain {
public:
  explicit RegisterChain(Operation *write) : write(write) {}

  /// Moves the op that defines `value`, and what it reads, down to the write, where nothing else above the write reads them.
  void move(Value value) {
    Operation *op = value.getDefiningOp();
    // Once refused always refused: a reader may have moved already.
    if (!op || op->getBlock() != write->getBlock() || !visited.insert(op).second || !isMovable(op))
      return;
    moved.insert(op);
    for (Value operand : op->getOperands())
      move(operand);
    op->moveBefore(write);
  }

private:
  bool isMovable(Operation *op) const {
    if (op->getNumRegions() != 0 || isa<vector::TransferWriteOp>(op) || !isMemoryEffectFree(op))
      return false;
    return llvm::all_of(op->getUsers(), [&](Operation *user) {
      Operation *reader = write->getBlock()->findAncestorOpInBlock(*user);
      return reader == write || moved.contains(reader) || (reader && write->isBeforeInBlock(reader));
    });
  }

  Operation *write;
  DenseSet<Operation *> visited, moved;
};
} // namespace

/// Whether the body does nothing but add to registers, element by element.
static bool updatesRegisters(scf::ForOp loop) {
  return llvm::all_of(loop.getBody()->without_terminator(),
                      [](Operation &op) { return op.getNumRegions() == 0 && isMemoryEffectFree(&op) && !isa<vector::ContractionOp>(op); });
}

/// Moves what several registers are computed from down to its first reader. What is yielded keeps its order, in which memory is read.
static void sinkToReaders(Block *block) {
  SmallVector<Operation *> ops;
  for (Operation &op : block->without_terminator())
    ops.push_back(&op);
  for (Operation *op : llvm::reverse(ops)) {
    Operation *first = nullptr;
    for (Operation *user : op->getUsers())
      if (Operation *reader = block->findAncestorOpInBlock(*user); reader && (!first || reader->isBeforeInBlock(first)))
        first = reader;
    if (first && first != block->getTerminator())
      op->moveBefore(first);
  }
}

/// Unrolling leaves an epilogue, and a loop that updates registers, step by step for all registers; taken register by register, values fit
/// the register file.
static void orderByRegister(Operation *root) {
  root->walk([](scf::ForOp loop) {
    if (!updatesRegisters(loop))
      return;
    Operation *yield = loop.getBody()->getTerminator();
    for (Value value : yield->getOperands())
      RegisterChain(yield).move(value);
    sinkToReaders(loop.getBody());
  });
  root->walk([](vector::TransferWriteOp write) {
    if (isa<RankedTensorType>(write.getBase().getType()))
      RegisterChain(write).move(write.getValueToStore());
  });
}

namespace {
struct ConvertLowbitToVectorPass final : impl::ConvertLowbitToVectorPassBase<ConvertLowbitToVectorPass> {
  using ConvertLowbitToVectorPassBase::ConvertLowbitToVectorPassBase;

  void runOnOperation() override {
    Operation *root = getOperation();
    FailureOr<QuantTargetAttrInterface> resolved = getPassTarget(root, target);
    IRRewriter rewriter(&getContext());
    if (failed(resolved) || failed(vectorizeMarked(rewriter, root)))
      return signalPassFailure();
    foldPartsOfSums(rewriter, root);
    if (failed(unroll(root, resolved->getDotProduct())))
      return signalPassFailure();
    eliminateCommonSubexpressions(rewriter, root);
    eraseOverwritten(root);
    hoistAccumulators(rewriter, root);
    if (failed(apply(root, populateFolds)))
      return signalPassFailure();
    eliminateCommonSubexpressions(rewriter, root);
    orderByRegister(root);
    root->walk([](Operation *op) { op->removeAttr(nativeShapeAttrName); });
  }

  static void eliminateCommonSubexpressions(RewriterBase &rewriter, Operation *root) {
    DominanceInfo dominance(root);
    eliminateCommonSubExpressions(rewriter, dominance, root);
  }

  static LogicalResult unroll(Operation *root, DotProduct dot) {
    LogicalResult contracted = apply(root, [](RewritePatternSet &patterns) {
      // As in the transform dialect: broadcasts leave the reads, pass the extensions, and end up as maps of the contraction.
      vector::populateVectorTransferPermutationMapLoweringPatterns(patterns);
      vector::populateSinkVectorOpsPatterns(patterns);
      vector::populateVectorReductionToContractPatterns(patterns);
      populateFolds(patterns);
    });
    setNativeContractShapes(root, dot);
    setNativeRegisterShapes(root, dot.lanes);
    LogicalResult unrolled = apply(root, [&](RewritePatternSet &patterns) {
      vector::populateVectorUnrollPatterns(patterns, vector::UnrollVectorOptions().setNativeShapeFn(getNativeShape));
    });
    LogicalResult flattened = apply(root, [](RewritePatternSet &patterns) {
      vector::populateCastAwayVectorLeadingOneDimPatterns(patterns);
      populateFolds(patterns);
    });
    return success(succeeded(contracted) && succeeded(unrolled) && succeeded(flattened));
  }
};
} // namespace
} // namespace mlir::lowbit
