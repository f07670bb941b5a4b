//===- LowbitRules.cpp - derivatives of our own ops -----------------------===//
// Law: what rounding does to a gradient is the estimator's; scales that are computed from the values count as constants.

#include "lowbit/IR/Lowbit.h"
#include "lowbit/Training/Gradients.h"
#include "lowbit/Training/Register.h"

namespace mlir::lowbit {
namespace {

/// Where fake_quant names none, as its document says.
constexpr StringLiteral defaultEstimator = "ste";

struct FakeQuantRule final : DifferentiableOpInterface::ExternalModel<FakeQuantRule, FakeQuantOp> {
  LogicalResult buildGradients(Operation *op, OpBuilder &builder, Gradients &gradients) const {
    auto fakeQuant = cast<FakeQuantOp>(op);
    Value scales = fakeQuant.getScales(), input = fakeQuant.getInput();
    Type scaleType = cast<RankedTensorType>(scales.getType()).clone(builder.getF32Type());
    if (gradients.isActive(scales) && scales.getType() != scaleType)
      return op->emitError() << "scales of type " << scales.getType()
                             << " are differentiated by; expected scales of f32, which small steps "
                                "can change";
    EstimatorAttrInterface estimator = fakeQuant.getEstimatorAttr();
    if (!estimator)
      estimator = cast<EstimatorAttrInterface>(LowbitDialect::parsePolicy(op->getContext(), defaultEstimator));
    auto gradient = FakeQuantGradOp::create(builder, op->getLoc(), input.getType(), scaleType, input, scales, fakeQuant.getZeros(),
                                            gradients.lookup(fakeQuant.getOutput()), fakeQuant.getScheme(), estimator);
    gradients.add(builder, op->getLoc(), input, gradient.getInputGradient());
    gradients.add(builder, op->getLoc(), scales, gradient.getScaleGradient());
    return success();
  }
};

struct ComputeScalesRule final : DifferentiableOpInterface::ExternalModel<ComputeScalesRule, ComputeScalesOp> {
  LogicalResult buildGradients(Operation *, OpBuilder &, Gradients &) const { return success(); }
};

} // namespace

void registerLowbitRules(DialectRegistry &registry) {
  registry.addExtension(+[](MLIRContext *context, LowbitDialect *) {
    FakeQuantOp::attachInterface<FakeQuantRule>(*context);
    ComputeScalesOp::attachInterface<ComputeScalesRule>(*context);
  });
}

} // namespace mlir::lowbit
