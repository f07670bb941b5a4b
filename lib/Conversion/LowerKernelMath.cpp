//===- LowerKernelMath.cpp - mathematics that GPUs have instructions for ---===//
// Law: every function here is exact or rounded to nearest, on a GPU as on the host.

#include "lowbit/Conversion/KernelMath.h"
#include "lowbit/Conversion/Passes.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"

namespace mlir::lowbit {
#define GEN_PASS_DEF_LOWERKERNELMATHPASS
#include "lowbit/Conversion/Passes.h.inc"

StringRef getKernelIntrinsic(Operation *op) {
  return llvm::StringSwitch<StringRef>(op->getName().getStringRef())
      .Case("arith.maxnumf", "llvm.maxnum")
      .Case("arith.minnumf", "llvm.minnum")
      .Case("math.absf", "llvm.fabs")
      .Case("math.ceil", "llvm.ceil")
      .Case("math.copysign", "llvm.copysign")
      .Case("math.ctpop", "llvm.ctpop")
      .Case("math.floor", "llvm.floor")
      .Case("math.fma", "llvm.fma")
      .Case("math.round", "llvm.round")
      .Case("math.roundeven", "llvm.roundeven")
      .Case("math.sqrt", "llvm.sqrt")
      .Case("math.trunc", "llvm.trunc")
      .Default("");
}

/// A type as names of intrinsics end: `.f32`, `.v4f32`.
static std::string getSuffix(Type type) {
  std::string name = ".";
  if (auto vector = dyn_cast<VectorType>(type)) {
    name += "v" + std::to_string(vector.getNumElements());
    type = vector.getElementType();
  }
  return name + (type.isBF16() ? "bf16" : (isa<FloatType>(type) ? "f" : "i") + std::to_string(type.getIntOrFloatBitWidth()));
}

namespace {
struct LowerKernelMathPass final : impl::LowerKernelMathPassBase<LowerKernelMathPass> {
  void runOnOperation() override {
    getOperation().walk([](Operation *op) {
      StringRef intrinsic = getKernelIntrinsic(op);
      Type type = intrinsic.empty() ? Type() : op->getResult(0).getType();
      auto vector = dyn_cast_or_null<VectorType>(type);
      if (!type || (vector && vector.getRank() != 1))
        return;
      OpBuilder builder(op);
      auto call =
          LLVM::CallIntrinsicOp::create(builder, op->getLoc(), type, builder.getStringAttr(intrinsic + getSuffix(type)), op->getOperands());
      op->getResult(0).replaceAllUsesWith(call.getResult(0));
      op->erase();
    });
  }
};
} // namespace
} // namespace mlir::lowbit
