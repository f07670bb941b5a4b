//===- HardenRounding.cpp - learned roundings become codes ----------------===//
// Law: each weight is one of its two neighbours on the grid, the upper one where `v` is above zero.

#include "Rounding.h"
#include "lowbit/IR/Lowbit.h"
#include "lowbit/Training/Passes.h"
#include "lowbit/Transforms/Constants.h"
#include "lowbit/Transforms/Sites.h"

namespace mlir::lowbit {
#define GEN_PASS_DEF_HARDENROUNDINGPASS
#include "lowbit/Training/Passes.h.inc"

namespace {
struct HardenRoundingPass final : impl::HardenRoundingPassBase<HardenRoundingPass> {
  using HardenRoundingPassBase::HardenRoundingPassBase;

  void runOnOperation() override {
    SmallVector<linalg::GenericOp> softened;
    getOperation()->walk([&](linalg::GenericOp op) {
      if (getSoftenedSite(op) && llvm::all_of(op.getDpsInputs(), [](Value each) { return getConstantElements(each); }))
        softened.push_back(op);
    });
    for (linalg::GenericOp op : softened)
      if (failed(harden(op)))
        return signalPassFailure();
  }

private:
  static LogicalResult harden(linalg::GenericOp op) {
    auto type = dyn_cast<RankedTensorType>(op->getResult(0).getType());
    auto scheme = op->getAttrOfType<SchemeAttr>(kRoundingSchemeAttr);
    auto scales = op->getAttrOfType<ElementsAttr>(kRoundingScalesAttr), zeros = op->getAttrOfType<ElementsAttr>(kRoundingZerosAttr);
    if (!type || !type.getElementType().isF32() || !scheme || !scales || !isa<TypedAttr>(scales) ||
        static_cast<bool>(scheme.getZero()) != static_cast<bool>(zeros))
      return op->emitError() << "has `" << kRoundingAttr << "`, but not the scheme, scales and zero points of an f32 weight; expected what "
                             << "`lowbit-soften-rounding` makes";
    std::vector<float> inputs[3];
    for (auto [i, input] : llvm::enumerate(op.getDpsInputs())) {
      FailureOr<std::vector<float>> reals = failure();
      if (input.getType() == type)
        reals = readReals(op, getConstantElements(input));
      if (failed(reals))
        return op->emitError() << "operand " << i << " of type " << input.getType() << " does not hold the floats of " << type;
      inputs[i] = std::move(*reals);
    }
    std::vector<float> &weight = inputs[kBelow];
    for (size_t i = 0; i < weight.size(); ++i)
      if (inputs[kVariable][i] > 0)
        weight[i] += inputs[kGap][i];

    OpBuilder builder(op);
    Location loc = op.getLoc();
    auto build = [&](ElementsAttr elements) -> Value {
      auto constant = arith::ConstantOp::create(builder, loc, elements.getType(), cast<TypedAttr>(elements));
      constant->setAttr(kAddedAttr, builder.getUnitAttr()); // no float of the model
      return constant;
    };
    ArrayRef<char> bytes(reinterpret_cast<const char *>(weight.data()), weight.size() * sizeof(float));
    std::string key = (getSoftenedSite(op).getValue() + ".weight").str();
    Value real = arith::ConstantOp::create(builder, loc, type, cast<TypedAttr>(buildElements(type, bytes, key)));
    Value scale = build(scales), zero = zeros ? build(zeros) : Value();
    Value codes = QuantizeOp::create(builder, loc, type.clone(scheme.getFormat().getCodeType()), real, scale, zero, scheme);
    Value rounded = DequantizeOp::create(builder, loc, type, codes, scale, zero, scheme);
    op->getResult(0).replaceAllUsesWith(rounded);
    op->erase();
    return success();
  }
};
} // namespace
} // namespace mlir::lowbit
