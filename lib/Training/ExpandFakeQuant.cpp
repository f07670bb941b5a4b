//===- ExpandFakeQuant.cpp - what was trained becomes codes ---------------===//
// Law: fake_quant is dequantize of quantize, by definition.

#include "lowbit/IR/Lowbit.h"
#include "lowbit/Training/Passes.h"

namespace mlir::lowbit {
#define GEN_PASS_DEF_EXPANDFAKEQUANTPASS
#include "lowbit/Training/Passes.h.inc"

namespace {
struct ExpandFakeQuantPass final : impl::ExpandFakeQuantPassBase<ExpandFakeQuantPass> {
  void runOnOperation() override {
    getOperation()->walk([](FakeQuantOp op) {
      OpBuilder builder(op);
      Type codes = op.getType().clone(op.getScheme().getFormat().getCodeType());
      Value quantized = QuantizeOp::create(builder, op.getLoc(), codes, op.getInput(), op.getScales(), op.getZeros(), op.getScheme());
      op.replaceAllUsesWith(
          DequantizeOp::create(builder, op.getLoc(), op.getType(), quantized, op.getScales(), op.getZeros(), op.getScheme()).getResult());
      op.erase();
    });
  }
};
} // namespace
} // namespace mlir::lowbit
