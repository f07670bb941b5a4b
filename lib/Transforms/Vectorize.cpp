//===- Vectorize.cpp - linalg on buffers as loops over vectors ------------===//
// Law: see PlanVectors.cpp; an op without a plan is left as it is, with a remark that says why.

#include "VectorLoops.h"
#include "lowbit/Transforms/Passes.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/Remarks.h"
#include "mlir/Interfaces/FunctionInterfaces.h"

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

namespace {
struct VectorizePass final : impl::VectorizePassBase<VectorizePass> {
  void runOnOperation() override {
    QuantTargetAttrInterface target = getTarget(getOperation());
    IRRewriter rewriter(&getContext());
    getOperation()->walk([&](memref::CopyOp copy) { generalizeCopy(rewriter, copy); });
    SmallVector<linalg::LinalgOp> ops;
    getOperation()->walk([&](linalg::LinalgOp op) { ops.push_back(op); });
    for (linalg::LinalgOp op : ops) {
      if (FailureOr<TransposePlan> plan = planTranspose(op, target); succeeded(plan)) {
        buildTransposeLoops(rewriter, op, *plan);
        rewriter.eraseOp(op);
        continue;
      }
      std::string reason;
      FailureOr<VectorPlan> plan = planVectors(op, target, reason);
      if (failed(plan)) {
        StringRef function = op->getParentOfType<FunctionOpInterface>().getName();
        remark::missed(op.getLoc(), remark::RemarkOpts::name("scalar-loop").category("lowbit").function(function))
            << remark::reason("{0}", reason);
        continue;
      }
      buildVectorLoops(rewriter, op, *plan);
      rewriter.eraseOp(op);
    }
  }
};
} // namespace
} // namespace mlir::lowbit
