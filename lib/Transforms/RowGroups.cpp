//===- RowGroups.cpp - ops that go through the same rows ------------------===//
// Law: a row of a member depends on no other row of another member, and the group can run where it stands as a whole.

#include "lowbit/Transforms/RowGroups.h"
#include "lowbit/Transforms/RowSharing.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/Utils/Utils.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

namespace mlir::lowbit {

/// What one result of the rows that are taken at once may take of a first-level cache.
static constexpr int64_t mostTileBytes = 16 << 10;

static int64_t getBytes(Type type) {
  auto shaped = cast<ShapedType>(type);
  return shaped.getNumElements() * std::max<int64_t>(1, shaped.getElementType().isIndex() ? 8 : shaped.getElementTypeBitWidth() / 8);
}

const RowOp *RowGroup::find(Operation *op) const {
  const RowOp *found = llvm::find_if(ops, [&](const RowOp &member) { return member.op == op; });
  return found == ops.end() ? nullptr : found;
}

bool RowGroup::isReadOutside(Value result) const {
  return llvm::any_of(result.getUsers(), [&](Operation *user) { return !find(user); });
}

static bool isContraction(linalg::LinalgOp op) {
  return op.getNumReductionLoops() != 0 && op.getNumDpsInputs() > 1 && linalg::isaContractionOpInterface(op);
}

/// Whether the op sums products whose factors all lie along the last axis of the result, as windows of single channels do.
static bool sumsAlongRows(linalg::LinalgOp op) {
  if (op.getNumReductionLoops() == 0 || op.getNumDpsInputs() < 2)
    return false;
  AffineMap result = op.getMatchingIndexingMap(op.getDpsInitOperand(0));
  auto lane = result.getNumResults() == 0 ? AffineDimExpr(nullptr) : dyn_cast<AffineDimExpr>(result.getResults().back());
  if (!lane)
    return false;
  return llvm::all_of(op.getDpsInputOperands(), [&](OpOperand *input) {
    AffineMap map = op.getMatchingIndexingMap(input);
    return !map.isFunctionOfDim(lane.getPosition()) ||
           (map.getResults().back() == lane &&
            llvm::none_of(map.getResults().drop_back(), [&](AffineExpr expr) { return expr.isFunctionOfDim(lane.getPosition()); }));
  });
}

static bool isProduct(linalg::LinalgOp op) { return isContraction(op) || sumsAlongRows(op); }

int64_t RowGroup::getRowsAtOnce() const {
  // Rows of a product share the loads of its other side; rows of anything else only hide each other's latencies.
  bool hasProduct = llvm::any_of(ops, [](const RowOp &member) { return isProduct(member.op); });
  int64_t numRows = llvm::product_of(sizes), rowBytes = 1;
  for (const RowOp &member : ops)
    rowBytes = std::max(rowBytes, getBytes(member.op->getResult(0).getType()) / numRows);
  int64_t most = std::min({sizes.back(), std::max<int64_t>(1, mostTileBytes / rowBytes), int64_t(hasProduct ? 16 : 4)});
  for (int64_t rows = most; rows * 2 > most; --rows)
    if (sizes.back() % rows == 0)
      return rows;
  return most;
}

static bool isFill(linalg::LinalgOp op) {
  return op->hasOneUse() && op.getNumReductionLoops() == 0 &&
         llvm::none_of(op.getDpsInputs(), [](Value input) { return isa<ShapedType>(input.getType()); }) &&
         op.getDpsInitOperand(0)->get().getDefiningOp<tensor::EmptyOp>() && op.getBlock()->getOperations().size() == 1;
}

/// The loop of `op` that runs along `position` of an operand or result with this map; none if that is no single parallel loop.
static std::optional<unsigned> getParallelLoop(linalg::LinalgOp op, AffineMap map, unsigned position) {
  auto dim = dyn_cast<AffineDimExpr>(map.getResult(position));
  if (!dim || op.getIteratorTypesArray()[dim.getPosition()] != utils::IteratorType::parallel)
    return std::nullopt;
  return dim.getPosition();
}

/// Whether the op can be computed row by row at all: sizes are known, and each row loop runs along one axis of each result.
static bool isEligible(linalg::LinalgOp op) {
  if (!op.hasPureTensorSemantics() || op->getNumResults() == 0 || op.hasDynamicShape() || !isa<TilingInterface>(op.getOperation()))
    return false;
  return llvm::all_of(op.getDpsInitsMutable(), [&](OpOperand &init) { return op.getMatchingIndexingMap(&init).isProjectedPermutation(); });
}

/// Whether rows are few enough bytes apart from what all of them read.
static bool sharesLittle(const RowOp &member) {
  if (!isProduct(member.op))
    return true;
  return llvm::all_of(member.op.getDpsInputOperands(), [&](OpOperand *input) {
    AffineMap map = member.op.getMatchingIndexingMap(input);
    if (map.isFunctionOfDim(member.rowLoops.back()))
      return true;
    int64_t bytes = getBytes(input->get().getType());
    for (unsigned loop : member.rowLoops)
      if (map.isFunctionOfDim(loop))
        bytes /= member.op.getStaticLoopRanges()[loop];
    return bytes <= mostSharedBytes;
  });
}

/// Whether the op only moves elements, and the group's rows are columns of what it writes: of a few rows at once, it would write element by
/// element what by itself it does in blocks.
static bool writesColumns(const RowOp &member, const RowGroup &group) {
  bool hasProduct = llvm::any_of(group.ops, [](const RowOp &other) { return isProduct(other.op); });
  linalg::LinalgOp op = member.op;
  if (hasProduct || op.getNumDpsInputs() != 1 || op.getBlock()->getOperations().size() != 1)
    return false;
  AffineMap read = op.getMatchingIndexingMap(op.getDpsInputOperand(0)), written = op.getMatchingIndexingMap(op.getDpsInitOperand(0));
  return read.isPermutation() && written.isPermutation() && read.getResults().back() != written.getResults().back() &&
         written.getDimPosition(written.getNumResults() - 1) == member.rowLoops.back();
}

namespace {
class GroupFinder {
public:
  GroupFinder(Block &block, int64_t fewestRows) : block(block), fewestRows(fewestRows) {}

  SmallVector<RowGroup> run() {
    for (Operation &op : block) {
      auto linalgOp = dyn_cast<linalg::LinalgOp>(op);
      RowGroup *home = nullptr;
      if (linalgOp && isEligible(linalgOp) && !isFill(linalgOp))
        home = place(linalgOp);
      for (RowGroup &group : groups)
        if (&group != home && !group.position && reads(op, group))
          group.position = &op;
    }
    SmallVector<RowGroup> found;
    for (RowGroup &group : groups)
      if (isWorthIt(group))
        found.push_back(complete(std::move(group)));
    return found;
  }

private:
  static bool reads(Operation &op, const RowGroup &group) {
    return llvm::any_of(group.ops, [&](const RowOp &member) {
      return llvm::any_of(member.op->getUsers(), [&](Operation *user) { return op.isAncestor(user); });
    });
  }

  /// Puts the op into the group of what it reads, or into one of its own.
  RowGroup *place(linalg::LinalgOp op) {
    for (RowGroup &group : llvm::reverse(groups)) {
      std::optional<RowOp> member = align(op, group);
      if (!member)
        member = alignAsSibling(op, group);
      if (!member || !sharesLittle(*member) || writesColumns(*member, group) || !isReady(op, group))
        continue;
      group.ops.push_back(*member);
      return &group;
    }
    RowOp first{op, {}};
    SmallVector<utils::IteratorType> iterators = op.getIteratorTypesArray();
    for (unsigned loop = 0; loop < op.getNumLoops(); ++loop)
      if (iterators[loop] == utils::IteratorType::parallel && loop != getLaneLoop(op))
        first.rowLoops.push_back(loop);
    if (first.rowLoops.empty() || !spansResults(first) || !sharesLittle(first))
      return nullptr;
    RowGroup &group = groups.emplace_back();
    for (unsigned loop : first.rowLoops)
      group.sizes.push_back(op.getStaticLoopRanges()[loop]);
    group.ops.push_back(first);
    return &group;
  }

  /// The loop along a row: the last axis of the result, or what is summed up where that leaves one number a row.
  static unsigned getLaneLoop(linalg::LinalgOp op) {
    unsigned last = op.getNumLoops() - 1;
    if (op.getNumReductionLoops() != 0 && !isProduct(op))
      return last;
    AffineMap result = op.getMatchingIndexingMap(op.getDpsInitOperand(0));
    return result.getNumResults() == 0 ? last : cast<AffineDimExpr>(result.getResults().back()).getPosition();
  }

  /// `op` as a member, if it reads the group's results row by row.
  static std::optional<RowOp> align(linalg::LinalgOp op, const RowGroup &group) {
    RowOp aligned{op, {}};
    for (OpOperand &operand : op->getOpOperands()) {
      auto result = dyn_cast<OpResult>(operand.get());
      const RowOp *source = result ? group.find(result.getOwner()) : nullptr;
      if (!source)
        continue;
      AffineMap written = source->op.getMatchingIndexingMap(source->op.getDpsInitOperand(result.getResultNumber()));
      SmallVector<unsigned> loops;
      for (unsigned row : source->rowLoops) {
        auto axis = written.getResultPosition(getAffineDimExpr(row, op.getContext()));
        std::optional<unsigned> loop = axis ? getParallelLoop(op, op.getMatchingIndexingMap(&operand), *axis) : std::nullopt;
        if (!loop)
          return std::nullopt;
        loops.push_back(*loop);
      }
      if (!aligned.rowLoops.empty() && aligned.rowLoops != loops)
        return std::nullopt;
      aligned.rowLoops = loops;
    }
    return aligned.rowLoops.empty() || !spansResults(aligned) ? std::nullopt : std::optional(aligned);
  }

  /// `op` as a member, if it reads row by row what a member reads so, and nothing of the group: the rows are loaded once for both.
  static std::optional<RowOp> alignAsSibling(linalg::LinalgOp op, const RowGroup &group) {
    if (isContraction(op) ||
        llvm::any_of(op->getOperands(), [&](Value value) { return value.getDefiningOp() && group.find(value.getDefiningOp()); }))
      return std::nullopt;
    for (const RowOp &member : group.ops)
      for (OpOperand *mine : op.getDpsInputOperands())
        for (OpOperand *theirs : member.op.getDpsInputOperands()) {
          if (mine->get() != theirs->get() || isContraction(member.op))
            continue;
          RowOp aligned{op, {}};
          for (unsigned row : member.rowLoops) {
            auto axis = member.op.getMatchingIndexingMap(theirs).getResultPosition(getAffineDimExpr(row, op.getContext()));
            std::optional<unsigned> loop = axis ? getParallelLoop(op, op.getMatchingIndexingMap(mine), *axis) : std::nullopt;
            if (loop)
              aligned.rowLoops.push_back(*loop);
          }
          if (aligned.rowLoops.size() == member.rowLoops.size() && spansResults(aligned))
            return aligned;
        }
    return std::nullopt;
  }

  static bool spansResults(const RowOp &member) {
    return llvm::all_of(member.op.getDpsInitsMutable(), [&](OpOperand &init) {
      return llvm::all_of(member.rowLoops, [&](unsigned loop) { return member.op.getMatchingIndexingMap(&init).isFunctionOfDim(loop); });
    });
  }

  /// Whether all that `op` reads besides the group is there where the group's loop must stand.
  bool isReady(linalg::LinalgOp op, const RowGroup &group) const {
    if (!group.position)
      return true;
    bool isReady = true;
    auto check = [&](Value value) {
      Operation *source = value.getDefiningOp();
      if (!source || source->getBlock() != &block || group.find(source))
        return;
      bool isMember = llvm::any_of(groups, [&](const RowGroup &other) { return other.find(source) != nullptr; });
      auto fill = dyn_cast<linalg::LinalgOp>(source);
      bool comesAlong = isa<tensor::EmptyOp>(source) || (fill && isFill(fill)); // made anew
      isReady &= comesAlong || (!isMember && source->isBeforeInBlock(group.position));
    };
    op->walk([&](Operation *inner) { llvm::for_each(inner->getOperands(), check); });
    return isReady;
  }

  bool isWorthIt(const RowGroup &group) const { return group.ops.size() > 1 && llvm::product_of(group.sizes) >= fewestRows; }

  /// Takes in the fills that members start from and finds where the loop goes.
  RowGroup complete(RowGroup group) {
    SmallVector<RowOp> ops;
    for (RowOp &member : group.ops) {
      for (OpOperand &init : member.op.getDpsInitsMutable()) {
        auto fill = init.get().getDefiningOp<linalg::LinalgOp>();
        if (!fill || fill->getBlock() != &block || !isFill(fill))
          continue;
        AffineMap read = member.op.getMatchingIndexingMap(&init), written = fill.getMatchingIndexingMap(fill.getDpsInitOperand(0));
        RowOp first{fill, {}};
        for (unsigned loop : member.rowLoops)
          first.rowLoops.push_back(written.getDimPosition(*read.getResultPosition(getAffineDimExpr(loop, fill.getContext()))));
        ops.push_back(first);
      }
      ops.push_back(member);
    }
    if (!group.position)
      group.position = group.ops.back().op->getNextNode();
    group.ops = std::move(ops);
    return group;
  }

  Block &block;
  int64_t fewestRows;
  SmallVector<RowGroup> groups;
};
} // namespace

SmallVector<RowGroup> findRowGroups(Block &block, int64_t fewestRows) { return GroupFinder(block, fewestRows).run(); }

} // namespace mlir::lowbit
