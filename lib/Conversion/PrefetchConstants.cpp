//===- PrefetchConstants.cpp - ask memory early for what a loop streams ---===//
// Law: a prefetch reads nothing, so that no value changes; an address beyond the end of a constant is only an address.

#include "lowbit/Conversion/Passes.h"
#include "lowbit/Targets/Resolve.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

namespace mlir::lowbit {
#define GEN_PASS_DEF_PREFETCHCONSTANTSPASS
#include "lowbit/Conversion/Passes.h.inc"

/// How far ahead memory is asked: what comes from it while one answer is under way.
static constexpr int64_t bytesAhead = 8 << 10;

/// The bytes of the constant that `load` reads from; 0 when it reads from something else.
static int64_t getConstantBytes(vector::LoadOp load) {
  MemRefType type = load.getMemRefType();
  auto get = load.getBase().getDefiningOp<memref::GetGlobalOp>();
  auto global = get ? SymbolTable::lookupNearestSymbolFrom<memref::GlobalOp>(get, get.getNameAttr()) : memref::GlobalOp();
  if (!global || !global.getConstant() || !type.getElementType().isIntOrFloat())
    return 0;
  return type.getNumElements() * llvm::divideCeil(type.getElementTypeBitWidth(), 8);
}

/// Whether `value` is computed from the loop's counter.
static bool dependsOn(Value value, scf::ForOp loop) {
  if (value == loop.getInductionVar())
    return true;
  Operation *op = value.getDefiningOp();
  return op && loop->isAncestor(op) && op->getNumRegions() == 0 &&
         llvm::any_of(op->getOperands(), [&](Value operand) { return dependsOn(operand, loop); });
}

namespace {
struct PrefetchConstantsPass final : impl::PrefetchConstantsPassBase<PrefetchConstantsPass> {
  using PrefetchConstantsPassBase::PrefetchConstantsPassBase;

  void runOnOperation() override {
    FailureOr<QuantTargetAttrInterface> resolved = getPassTarget(getOperation(), target);
    if (failed(resolved))
      return signalPassFailure();
    int64_t cached = resolved->getCacheBytes().second;
    getOperation()->walk([&](vector::LoadOp load) {
      auto loop = dyn_cast<scf::ForOp>(load->getParentOp());
      if (loop && getConstantBytes(load) > cached && llvm::any_of(load.getIndices(), [&](Value index) { return dependsOn(index, loop); }))
        prefetch(load);
    });
  }

  static void prefetch(vector::LoadOp load) {
    OpBuilder builder(load);
    Location loc = load.getLoc();
    int64_t ahead = bytesAhead / llvm::divideCeil(load.getMemRefType().getElementTypeBitWidth(), 8);
    SmallVector<Value> indices(load.getIndices());
    AffineExpr index = builder.getAffineDimExpr(0);
    indices.back() = affine::AffineApplyOp::create(builder, loc, AffineMap::get(1, 0, index + ahead), indices.back());
    memref::PrefetchOp::create(builder, loc, load.getBase(), indices, /*isWrite=*/false, /*localityHint=*/3, /*isDataCache=*/true);
  }
};
} // namespace
} // namespace mlir::lowbit
