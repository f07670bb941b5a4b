//===- KeepLoopBuffers.cpp - what a loop carries stays in one buffer -------===//
// Law: every tensor that a loop yields was written into the one that it carries, or is a copy of it there; no value changes.

#include "lowbit/Transforms/Passes.h"
#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Interfaces/DestinationStyleOpInterface.h"

namespace mlir::lowbit {
#define GEN_PASS_DEF_KEEPLOOPBUFFERSPASS
#include "lowbit/Transforms/Passes.h.inc"

/// The tensor that `value` is written into; null where that is not known.
static Value getDestination(Value value) {
  auto result = dyn_cast<OpResult>(value);
  if (!result)
    return Value();
  if (auto op = dyn_cast<DestinationStyleOpInterface>(result.getOwner()))
    return op.getTiedOpOperand(result)->get();
  if (auto loop = dyn_cast<LoopLikeOpInterface>(result.getOwner()); loop && !loop.getInits().empty())
    return loop.getTiedLoopInit(result)->get();
  return Value();
}

/// Whether `value` was written into `carried`, on all ways.
static bool isWrittenInto(Value value, Value carried) {
  while (value && value != carried) {
    if (auto branch = value.getDefiningOp<scf::IfOp>()) {
      unsigned number = cast<OpResult>(value).getResultNumber();
      return isWrittenInto(branch.thenYield()->getOperand(number), carried) &&
             isWrittenInto(branch.elseYield()->getOperand(number), carried);
    }
    value = getDestination(value);
  }
  return value == carried;
}

namespace {
struct KeepLoopBuffersPass final : impl::KeepLoopBuffersPassBase<KeepLoopBuffersPass> {
  void runOnOperation() override {
    getOperation()->walk([](scf::ForOp loop) {
      auto yield = cast<scf::YieldOp>(loop.getBody()->getTerminator());
      OpBuilder builder(yield);
      for (auto [yielded, carried] : llvm::zip_equal(yield->getOpOperands(), loop.getRegionIterArgs())) {
        if (!isa<RankedTensorType>(carried.getType()) || isWrittenInto(yielded.get(), carried))
          continue;
        Type type = carried.getType();
        auto copy = bufferization::MaterializeInDestinationOp::create(builder, yield.getLoc(), type, yielded.get(), carried);
        yielded.set(copy.getResult());
      }
    });
  }
};
} // namespace
} // namespace mlir::lowbit
