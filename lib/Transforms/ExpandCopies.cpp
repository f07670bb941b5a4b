//===- ExpandCopies.cpp - strided copies are loops ------------------------===//
// Law: after it, no copy needs a function of MLIR's run time; what memcpy can do is left to memcpy.

#include "lowbit/Transforms/Passes.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Linalg/Utils/Utils.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/MemRef/Utils/MemRefUtils.h"

namespace mlir::lowbit {
#define GEN_PASS_DEF_EXPANDCOPIESPASS
#include "lowbit/Transforms/Passes.h.inc"

static bool isContiguous(Type type) {
  auto memref = dyn_cast<MemRefType>(type);
  return memref && (memref.getLayout().isIdentity() || memref::isStaticShapeAndContiguousRowMajor(memref));
}

namespace {
struct ExpandCopiesPass final : impl::ExpandCopiesPassBase<ExpandCopiesPass> {
  void runOnOperation() override {
    getOperation()->walk([](memref::CopyOp op) {
      if (isContiguous(op.getSource().getType()) && isContiguous(op.getTarget().getType()))
        return;
      if (!isa<MemRefType>(op.getSource().getType()) || !isa<MemRefType>(op.getTarget().getType()))
        return;
      OpBuilder builder(op);
      linalg::makeMemRefCopyOp(builder, op.getLoc(), op.getSource(), op.getTarget());
      op.erase();
    });
  }
};
} // namespace
} // namespace mlir::lowbit
