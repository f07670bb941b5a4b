//===- Vectorize.cpp - linalg on buffers as loops over vectors ------------===//
// Law: see PlanVectors.cpp; an op without a plan is left as it is, with a remark that says why.

#include "VectorLoops.h"
#include "lowbit/IR/Remarks.h"
#include "lowbit/Transforms/Passes.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "mlir/Interfaces/ViewLikeInterface.h"

namespace mlir::lowbit {
#define GEN_PASS_DEF_VECTORIZEPASS
#include "lowbit/Transforms/Passes.h.inc"

/// A copy between buffers of which one is a part of something larger, as an op that has loops.
static void generalizeCopy(RewriterBase &rewriter, memref::CopyOp copy) {
  auto from = dyn_cast<MemRefType>(copy.getSource().getType()), to = dyn_cast<MemRefType>(copy.getTarget().getType());
  if (!from || !to || (from.getLayout().isIdentity() && to.getLayout().isIdentity()))
    return; // whole buffers: one memcpy
  rewriter.setInsertionPoint(copy);
  AffineMap identity = rewriter.getMultiDimIdentityMap(from.getRank());
  SmallVector<utils::IteratorType> iterators(from.getRank(), utils::IteratorType::parallel);
  linalg::GenericOp::create(rewriter, copy.getLoc(), copy.getSource(), copy.getTarget(), ArrayRef{identity, identity}, iterators,
                            [](OpBuilder &builder, Location loc, ValueRange args) { linalg::YieldOp::create(builder, loc, args.front()); });
  rewriter.eraseOp(copy);
}

static Value getRoot(Value buffer) {
  while (auto view = buffer.getDefiningOp<ViewLikeOpInterface>())
    buffer = view.getViewSource();
  return buffer;
}

/// Whether `op` surely leaves the allocation `root` alone.
static bool leavesAlone(Operation &op, Value root) {
  if (isMemoryEffectFree(&op) || isa<memref::AllocOp>(op))
    return true;
  return isa<linalg::LinalgOp>(op) && llvm::none_of(op.getOperands(), [&](Value operand) {
           Value other = getRoot(operand);
           bool isKnown = !isa<BaseMemRefType>(other.getType()) || isa<BlockArgument>(other) || other.getDefiningOp<memref::AllocOp>() ||
                          other.getDefiningOp<memref::GetGlobalOp>();
           return !isKnown || other == root;
         });
}

/// The op before `op` that sets all of `buffer` to one scalar; null when something else may come between. Of a buffer that is no allocation
/// of its own, such as a result's, others may be views: then nothing that touches memory may.
static linalg::LinalgOp findFill(linalg::LinalgOp op, Value buffer) {
  Value root = getRoot(buffer);
  bool isOwn = root.getDefiningOp<memref::AllocOp>() != nullptr;
  for (Operation *before = op->getPrevNode(); before; before = before->getPrevNode()) {
    auto fill = dyn_cast<linalg::LinalgOp>(before);
    if (fill && fill.getNumDpsInits() == 1 && fill.getDpsInits()[0] == buffer)
      return fill.getNumReductionLoops() == 0 && fill.getBlock()->getOperations().size() == 1 &&
                     fill.getRegionOutputArgs()[0].use_empty() &&
                     llvm::none_of(fill.getDpsInputs(), [](Value input) { return isa<ShapedType>(input.getType()); })
                 ? fill
                 : linalg::LinalgOp();
    if (isOwn ? !leavesAlone(*before, root) : !isMemoryEffectFree(before) && !isa<memref::AllocOp>(before))
      return {};
  }
  return {};
}

/// Lets the accumulators of a reduction start from the scalars that their buffers were set to just before.
static void takeStarts(RewriterBase &rewriter, linalg::LinalgOp op, VectorPlan &plan, DenseSet<Operation *> &erased) {
  // Lanes along one of several sums come back to the buffer for each step of the others.
  if (op.getNumReductionLoops() == 0 || (plan.isReduction && op.getNumReductionLoops() != 1))
    return;
  for (OpOperand &init : op.getDpsInitsMutable()) {
    plan.starts.push_back(Value());
    bool isReadElsewhere = llvm::count(op->getOperands(), init.get()) != 1;
    linalg::LinalgOp fill = isReadElsewhere ? linalg::LinalgOp() : findFill(op, init.get());
    if (!fill)
      continue;
    Value scalar = fill.getBlock()->getTerminator()->getOperand(0);
    if (auto argument = dyn_cast<BlockArgument>(scalar); argument && argument.getOwner() == fill.getBlock())
      scalar = fill.getMatchingOpOperand(argument)->get();
    plan.starts.back() = scalar;
    erased.insert(fill);
    rewriter.eraseOp(fill);
  }
}

namespace {
struct VectorizePass final : impl::VectorizePassBase<VectorizePass> {
  void runOnOperation() override {
    QuantTargetAttrInterface target = getTarget(getOperation());
    IRRewriter rewriter(&getContext());
    getOperation()->walk([&](memref::CopyOp copy) { generalizeCopy(rewriter, copy); });
    SmallVector<linalg::LinalgOp> ops;
    getOperation()->walk([&](linalg::LinalgOp op) { ops.push_back(op); });
    DenseSet<Operation *> erased;
    for (linalg::LinalgOp op : llvm::reverse(ops)) {
      if (erased.contains(op))
        continue;
      if (FailureOr<TransposePlan> plan = planTranspose(op, target); succeeded(plan)) {
        buildTransposeLoops(rewriter, op, *plan);
        rewriter.eraseOp(op);
        continue;
      }
      if (FailureOr<WordPlan> words = planWords(op, target); succeeded(words)) {
        VectorPlan plan;
        takeStarts(rewriter, op, plan, erased);
        buildWordLoops(rewriter, op, *words, plan.starts.front());
        rewriter.eraseOp(op);
        continue;
      }
      if (FailureOr<DotPlan> dots = planDots(op, target); succeeded(dots)) {
        VectorPlan plan;
        takeStarts(rewriter, op, plan, erased);
        buildDotLoops(rewriter, op, *dots, plan.starts.front());
        rewriter.eraseOp(op);
        continue;
      }
      std::string reason;
      FailureOr<VectorPlan> plan = planVectors(op, target, reason);
      if (failed(plan)) {
        remark::missed(op.getLoc(), getRemarkOptions("scalar-loop", op)) << remark::reason("{0}", reason);
        continue;
      }
      takeStarts(rewriter, op, *plan, erased);
      buildVectorLoops(rewriter, op, *plan);
      rewriter.eraseOp(op);
    }
  }
};
} // namespace
} // namespace mlir::lowbit
