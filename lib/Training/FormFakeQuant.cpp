//===- FormFakeQuant.cpp - rounding gets a gradient -----------------------===//
// Law: fake_quant is dequantize of quantize, by definition.

#include "lowbit/IR/Lowbit.h"
#include "lowbit/Training/Passes.h"

namespace mlir::lowbit {
#define GEN_PASS_DEF_FORMFAKEQUANTPASS
#include "lowbit/Training/Passes.h.inc"

namespace {
struct FormFakeQuantPass final : impl::FormFakeQuantPassBase<FormFakeQuantPass> {
  using FormFakeQuantPassBase::FormFakeQuantPassBase;

  void runOnOperation() override {
    auto by = dyn_cast_or_null<EstimatorAttrInterface>(LowbitDialect::parsePolicy(&getContext(), estimator));
    if (!by) {
      getOperation()->emitError() << "there is no estimator `" << estimator << "`; expected one such as `lsq` or `ste` (docs/Lowbit.md)";
      return signalPassFailure();
    }
    getOperation()->walk([&](DequantizeOp dequantize) {
      auto quantize = dequantize.getCodes().getDefiningOp<QuantizeOp>();
      if (!quantize || quantize.getScheme() != dequantize.getScheme() || quantize.getScales() != dequantize.getScales() ||
          quantize.getZeros() != dequantize.getZeros() || quantize.getInput().getType() != dequantize.getType())
        return;
      OpBuilder builder(dequantize);
      Value fake = FakeQuantOp::create(builder, dequantize.getLoc(), dequantize.getType(), quantize.getInput(), quantize.getScales(),
                                       quantize.getZeros(), quantize.getScheme(), by);
      dequantize.replaceAllUsesWith(fake);
      dequantize.erase();
      if (quantize->use_empty())
        quantize.erase();
    });
  }
};
} // namespace
} // namespace mlir::lowbit
