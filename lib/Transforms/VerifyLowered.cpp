//===- VerifyLowered.cpp - nothing of ours is left ------------------------===//

#include "lowbit/IR/Lowbit.h"
#include "lowbit/Transforms/Passes.h"
#include "mlir/IR/AttrTypeSubElements.h"

namespace mlir::lowbit {
#define GEN_PASS_DEF_VERIFYLOWEREDPASS
#include "lowbit/Transforms/Passes.h.inc"

namespace {
struct VerifyLoweredPass final : impl::VerifyLoweredPassBase<VerifyLoweredPass> {
  void runOnOperation() override {
    WalkResult result = getOperation()->walk([&](Operation *op) {
      if (isa_and_nonnull<LowbitDialect>(op->getDialect())) {
        op->emitOpError("was not lowered; no conversion of this pipeline takes it in this form");
        return WalkResult::interrupt();
      }
      for (Type type : llvm::concat<const Type>(op->getOperandTypes(), op->getResultTypes()))
        if (containsCode(type)) {
          op->emitOpError() << "has type " << type << ", which was not lowered";
          return WalkResult::interrupt();
        }
      if (auto function = dyn_cast<FunctionOpInterface>(op); function && containsCode(function.getFunctionType())) {
        op->emitOpError() << "has type " << function.getFunctionType() << ", which was not lowered";
        return WalkResult::interrupt();
      }
      return WalkResult::advance();
    });
    if (result.wasInterrupted())
      signalPassFailure();
  }

  static bool containsCode(Type type) {
    return type.walk([](CodeType) { return WalkResult::interrupt(); }).wasInterrupted();
  }
};
} // namespace
} // namespace mlir::lowbit
