//===- LoneRows.cpp - ops without rows become ops on one row --------------===//
// Law: the region stays, and every element is read and written where it was, behind a zero.

#include "LoneRows.h"
#include "lowbit/Transforms/RowGroups.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/PatternMatch.h"
#include "llvm/ADT/EquivalenceClasses.h"

namespace mlir::lowbit {

/// Of a row, and what a block runs through in an op.
static constexpr int64_t mostColumns = 4096, mostSteps = 64 << 10;

static bool isFill(linalg::GenericOp op) { return op.getNumDpsInputs() == 0 && op.getBlock()->getOperations().size() == 1; }

/// Whether the op's results are one row at most, of what one block soon has.
static bool isLone(linalg::GenericOp op) {
  if (!op.hasPureTensorSemantics() || op->getNumResults() == 0 || op.hasDynamicShape() || op.getNumParallelLoops() > 1 ||
      llvm::product_of(op.getStaticLoopRanges()) > mostSteps || linalg::isaContractionOpInterface(op))
    return false;
  // What is returned has its place with the caller, to which a result with another shape would be copied.
  if (llvm::any_of(op->getUsers(), [](Operation *user) { return user->hasTrait<OpTrait::IsTerminator>(); }))
    return false;
  // The last loop is along a row, where there is one.
  if (op.getNumParallelLoops() == 1 && op.getIteratorTypesArray().back() != utils::IteratorType::parallel)
    return false;
  return llvm::all_of(op.getDpsInitsMutable(), [&](OpOperand &init) {
    AffineMap map = op.getMatchingIndexingMap(&init);
    return map.isProjectedPermutation() && map.getNumResults() == op.getNumParallelLoops() &&
           cast<RankedTensorType>(init.get().getType()).getNumElements() <= mostColumns;
  });
}

namespace {
/// Rewrites the ops of one set, in the order of the block.
class Giver {
public:
  explicit Giver(RewriterBase &rewriter, ArrayRef<linalg::GenericOp> ops) : rewriter(rewriter), ops(ops) {}

  void give() {
    for (linalg::GenericOp op : ops)
      give(op);
    for (linalg::GenericOp op : ops)
      for (OpResult result : op->getResults())
        giveBack(result);
    for (linalg::GenericOp op : llvm::reverse(ops))
      rewriter.eraseOp(op);
  }

private:
  static bool isConstant(Value value) { return value.getDefiningOp() && value.getDefiningOp()->hasTrait<OpTrait::ConstantLike>(); }

  static SmallVector<ReassociationIndices> getReassociation(int64_t rank) {
    SmallVector<ReassociationIndices> axes;
    for (int64_t i = 0; i < rank; ++i)
      axes.push_back(i == 0 ? ReassociationIndices{0, 1} : ReassociationIndices{i + 1});
    return axes;
  }

  static RankedTensorType addAxis(RankedTensorType type) {
    SmallVector<int64_t> shape{1};
    llvm::append_range(shape, type.getShape());
    return type.clone(shape);
  }

  /// The value with one axis more; all who read it share one.
  Value widen(Value value) {
    if (Value wide = widened.lookup(value))
      return wide;
    auto type = addAxis(cast<RankedTensorType>(value.getType()));
    if (value.getDefiningOp<tensor::EmptyOp>())
      return tensor::EmptyOp::create(rewriter, value.getLoc(), type.getShape(), type.getElementType());
    if (auto fill = value.getDefiningOp<linalg::FillOp>()) { // one for each reader, as before
      Value empty = tensor::EmptyOp::create(rewriter, value.getLoc(), type.getShape(), type.getElementType());
      return linalg::FillOp::create(rewriter, value.getLoc(), fill.getInputs(), empty).getResult(0);
    }
    OpBuilder::InsertionGuard guard(rewriter);
    rewriter.setInsertionPointAfterValue(value);
    return widened[value] = tensor::ExpandShapeOp::create(rewriter, value.getLoc(), type, value, getReassociation(type.getRank() - 1));
  }

  void give(linalg::GenericOp op) {
    rewriter.setInsertionPoint(op);
    SmallVector<Value> inputs, inits;
    SmallVector<AffineMap> maps;
    for (OpOperand &operand : op->getOpOperands()) {
      AffineMap map = op.getMatchingIndexingMap(&operand).shiftDims(1);
      bool isInit = op.isDpsInit(&operand);
      bool isKept = !isInit && (!isa<RankedTensorType>(operand.get().getType()) || isConstant(operand.get()));
      SmallVector<AffineExpr> results{rewriter.getAffineDimExpr(0)};
      llvm::append_range(results, map.getResults());
      (isInit ? inits : inputs).push_back(isKept ? operand.get() : widen(operand.get()));
      maps.push_back(isKept ? map : AffineMap::get(map.getNumDims(), 0, results, op.getContext()));
    }
    SmallVector<utils::IteratorType> iterators{utils::IteratorType::parallel};
    llvm::append_range(iterators, op.getIteratorTypesArray());
    auto wide = linalg::GenericOp::create(rewriter, op.getLoc(), ValueRange(inits).getTypes(), inputs, inits, maps, iterators);
    wide->setDiscardableAttrs(op->getDiscardableAttrDictionary());
    rewriter.inlineRegionBefore(op.getRegion(), wide.getRegion(), wide.getRegion().end());
    wide.walk([&](linalg::IndexOp index) { index.setDim(index.getDim() + 1); });
    for (auto [before, after] : llvm::zip_equal(op->getResults(), wide->getResults()))
      widened[before] = after;
  }

  /// Lets others read the result as it was, from before the first of them on.
  void giveBack(OpResult result) {
    Operation *first = nullptr;
    Block *block = result.getOwner()->getBlock();
    auto isOther = [&](Operation *user) { return !llvm::is_contained(ops, dyn_cast<linalg::GenericOp>(user)); };
    for (Operation *user : result.getUsers()) {
      Operation *ancestor = block->findAncestorOpInBlock(*user);
      if (isOther(user) && (!first || ancestor->isBeforeInBlock(first)))
        first = ancestor;
    }
    if (!first)
      return;
    rewriter.setInsertionPoint(first);
    auto type = cast<RankedTensorType>(result.getType());
    Value narrow =
        tensor::CollapseShapeOp::create(rewriter, result.getLoc(), type, widened.lookup(result), getReassociation(type.getRank()));
    rewriter.replaceUsesWithIf(result, narrow, [&](OpOperand &use) { return isOther(use.getOwner()); });
  }

  RewriterBase &rewriter;
  ArrayRef<linalg::GenericOp> ops;
  DenseMap<Value, Value> widened;
};
} // namespace

void giveLoneOpsRows(Block &block) {
  DenseSet<Operation *> grouped;
  for (const RowGroup &group : findRowGroups(block))
    for (const RowOp &member : group.ops)
      grouped.insert(member.op);
  // Ops that read one another, or the same value.
  llvm::EquivalenceClasses<Operation *> sets;
  DenseMap<Value, Operation *> readers;
  for (auto op : block.getOps<linalg::GenericOp>()) {
    if (grouped.contains(op) || !isLone(op))
      continue;
    sets.insert(op);
    for (Value operand : op->getOperands()) {
      if (!isa<RankedTensorType>(operand.getType()))
        continue;
      if (Operation *producer = operand.getDefiningOp(); producer && sets.contains(producer))
        sets.unionSets(op, producer);
      else if (producer && (producer->hasTrait<OpTrait::ConstantLike>() || isa<tensor::EmptyOp>(producer)))
        continue;
      if (auto [known, isNew] = readers.try_emplace(operand, op); !isNew)
        sets.unionSets(op, known->second);
    }
  }
  IRRewriter rewriter(block.getParentOp()->getContext());
  SmallVector<SmallVector<linalg::GenericOp>> chosen;
  for (const auto *leader : sets) {
    if (!leader->isLeader())
      continue;
    SmallVector<linalg::GenericOp> ops =
        llvm::map_to_vector(sets.members(*leader), [](Operation *op) { return cast<linalg::GenericOp>(op); });
    llvm::sort(ops, [](linalg::GenericOp left, linalg::GenericOp right) { return left->isBeforeInBlock(right); });
    if (llvm::count_if(ops, [](linalg::GenericOp op) { return !isFill(op); }) > 1)
      chosen.push_back(ops);
  }
  for (ArrayRef<linalg::GenericOp> ops : chosen)
    Giver(rewriter, ops).give();
}

} // namespace mlir::lowbit
