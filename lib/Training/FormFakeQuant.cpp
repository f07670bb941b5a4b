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
    FailureOr<SmallVector<EstimatorAttrInterface>> choices = parseEstimators();
    if (failed(choices))
      return signalPassFailure();
    WalkResult result = getOperation()->walk([&](DequantizeOp dequantize) {
      auto quantize = dequantize.getCodes().getDefiningOp<QuantizeOp>();
      if (!quantize || quantize.getScheme() != dequantize.getScheme() || quantize.getScales() != dequantize.getScales() ||
          quantize.getZeros() != dequantize.getZeros() || quantize.getInput().getType() != dequantize.getType())
        return WalkResult::advance();
      EstimatorAttrInterface by = choose(*choices, quantize);
      if (!by)
        return WalkResult::interrupt();
      OpBuilder builder(dequantize);
      Value fake = FakeQuantOp::create(builder, dequantize.getLoc(), dequantize.getType(), quantize.getInput(), quantize.getScales(),
                                       quantize.getZeros(), quantize.getScheme(), by);
      dequantize.replaceAllUsesWith(fake);
      dequantize.erase();
      if (quantize->use_empty())
        quantize.erase();
      return WalkResult::advance();
    });
    if (result.wasInterrupted())
      signalPassFailure();
  }

private:
  FailureOr<SmallVector<EstimatorAttrInterface>> parseEstimators() {
    SmallVector<std::string> names(estimators.begin(), estimators.end());
    if (names.empty())
      names.push_back("lsq");
    SmallVector<EstimatorAttrInterface> parsed;
    for (const std::string &name : names) {
      parsed.push_back(dyn_cast_or_null<EstimatorAttrInterface>(LowbitDialect::parsePolicy(&getContext(), name)));
      if (!parsed.back())
        return getOperation()->emitError() << "there is no estimator `" << name
                                           << "`; expected one such as `lsq` or `ste` (docs/Lowbit.md)";
    }
    return parsed;
  }

  /// The first of `choices` that fits; null after an error that says why none does.
  static EstimatorAttrInterface choose(ArrayRef<EstimatorAttrInterface> choices, QuantizeOp quantize) {
    NumberFormatAttrInterface format = quantize.getScheme().getFormat();
    std::string reason;
    for (EstimatorAttrInterface each : choices)
      if (each.fitsFormat(format, reason))
        return each;
    quantize.emitError() << "no `estimator` fits " << format << ": " << choices.back() << " does not, " << reason
                         << "; add one that does, such as `ste`";
    return {};
  }
};
} // namespace
} // namespace mlir::lowbit
