//===- RelaxFloat.cpp - which float arithmetic may be rearranged ----------===//
// Law: arithmetic that the model brought along may be reordered and contracted; arithmetic that the dialect defines to the bit may not.

#include "lowbit/IR/Lowbit.h"
#include "lowbit/Transforms/Passes.h"
#include "lowbit/Transforms/Sites.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Linalg/Transforms/Transforms.h"
#include "mlir/Dialect/Math/IR/Math.h"

namespace mlir::lowbit {
#define GEN_PASS_DEF_RELAXFLOATPASS
#include "lowbit/Transforms/Passes.h.inc"

static void relax(Region &region) {
  constexpr auto flags =
      arith::FastMathFlags::reassoc | arith::FastMathFlags::contract | arith::FastMathFlags::arcp | arith::FastMathFlags::nsz;
  region.walk([&](arith::ArithFastMathInterface op) {
    arith::FastMathFlagsAttr found = op.getFastMathFlagsAttr(); // conversions between float types may have none
    if (found)
      op->setAttr(op.getFastMathAttrName(), arith::FastMathFlagsAttr::get(op->getContext(), found.getValue() | flags));
  });
}

/// Whether the region has a function that no two libraries compute to the same bit.
static bool hasTranscendental(Region &region) {
  return region
      .walk([](Operation *op) {
        bool isExact = isa<math::AbsFOp, math::CeilOp, math::CopySignOp, math::FloorOp, math::FmaOp, math::RoundEvenOp, math::RoundOp,
                           math::SqrtOp, math::TruncOp>(op);
        bool isFloatMath = isa<math::MathDialect>(op->getDialect()) && isa<FloatType>(getElementTypeOrSelf(op->getResult(0).getType()));
        return isFloatMath && !isExact ? WalkResult::interrupt() : WalkResult::advance();
      })
      .wasInterrupted();
}

namespace {
struct RelaxFloatPass final : impl::RelaxFloatPassBase<RelaxFloatPass> {
  void runOnOperation() override {
    SmallVector<linalg::LinalgOp> ops;
    getOperation()->walk([&](linalg::LinalgOp op) {
      if (!op->hasAttr(kExactAttr))
        ops.push_back(op);
    });
    IRRewriter rewriter(&getContext());
    for (linalg::LinalgOp op : ops) {
      if (linalg::isaContractionOpInterface(op) && !isa<linalg::GenericOp>(op)) {
        rewriter.setInsertionPoint(op); // a named op has no body to write flags into
        FailureOr<linalg::GenericOp> generic = linalg::generalizeNamedOp(rewriter, op);
        if (succeeded(generic))
          op = *generic;
      }
      relax(op->getRegion(0));
    }
    getOperation()->walk([](ContractOp op) {
      if (op.hasEpilogue() && hasTranscendental(op.getEpilogue()))
        relax(op.getEpilogue());
    });
  }
};
} // namespace
} // namespace mlir::lowbit
