//===- InsertQDQ.cpp - quantize and dequantize around quantizable ops -----===//
//
// Invariant: only operands change, each to dequantize(quantize(operand)): the op still computes in float, on the reals that codes
// stand for.
//
//===----------------------------------------------------------------------===//

#include "lowbit/ExternalModels/Register.h"
#include "lowbit/Transforms/Passes.h"
#include "lowbit/Transforms/Sites.h"
#include "mlir/Dialect/Arith/IR/Arith.h"

namespace mlir::lowbit {
#define GEN_PASS_DEF_INSERTQDQPASS
#include "lowbit/Transforms/Passes.h.inc"

namespace {

/// Scales and zero points of one operand.
struct Scales {
  Value scales, zeros;
};

/// From the values themselves: of weights these fold, of activations they are computed at run time.
Scales buildComputedScales(OpBuilder &builder, Location loc, Value input, SchemeAttr scheme) {
  SmallVector<int64_t> shape = *scheme.getScaleShape(cast<RankedTensorType>(input.getType()).getShape());
  Type zeroType = scheme.getZero() ? RankedTensorType::get(shape, scheme.getZero()) : Type();
  auto compute = ComputeScalesOp::create(builder, loc, RankedTensorType::get(shape, scheme.getScaleType()), zeroType, input, scheme);
  return {compute.getScales(), compute.getZeros()};
}

/// From calibration: constants.
Scales buildStaticScales(OpBuilder &builder, Location loc, FloatAttr scale, IntegerAttr zero) {
  auto build = [&](TypedAttr value) -> Value {
    auto type = RankedTensorType::get({}, value.getType());
    return arith::ConstantOp::create(builder, loc, DenseElementsAttr::get(type, static_cast<Attribute>(value)));
  };
  return {build(scale), zero ? build(zero) : Value()};
}

struct InsertQDQPass final : PassWithModels<impl::InsertQDQPassBase<InsertQDQPass>> {
  void runOnOperation() override {
    WalkResult result = getOperation()->walk([&](QuantizableOpInterface op) {
      auto schemes = op->getAttrOfType<DictionaryAttr>(kSchemesAttr);
      return schemes && failed(insert(op, schemes)) ? WalkResult::interrupt() : WalkResult::advance();
    });
    if (result.wasInterrupted())
      signalPassFailure();
  }

private:
  LogicalResult insert(QuantizableOpInterface op, DictionaryAttr schemes) {
    std::string reason;
    SmallVector<QuantizableOperand> operands = op.getQuantizableOperands(reason);
    for (NamedAttribute entry : schemes)
      if (llvm::none_of(operands, [&](const QuantizableOperand &operand) { return operand.name == entry.getName(); }))
        return op->emitOpError() << "has a scheme for `" << entry.getName().getValue()
                                 << "`, which is no operand of it that can be quantized";
    for (const QuantizableOperand &operand : operands) {
      auto entry = schemes.getAs<DictionaryAttr>(operand.name);
      if (entry && failed(insertOperand(op, operand, entry)))
        return failure();
    }
    op->removeAttr(kSchemesAttr);
    return success();
  }

  LogicalResult insertOperand(QuantizableOpInterface op, const QuantizableOperand &operand, DictionaryAttr entry) {
    auto scheme = entry.getAs<SchemeAttr>("scheme");
    Value input = operand.operand->get();
    auto type = cast<RankedTensorType>(input.getType());
    if (!scheme || failed(scheme.getScaleShape(type.getShape())))
      return op->emitOpError() << "`" << kSchemesAttr << "` gives `" << operand.name << "` of type " << type
                               << (scheme ? " a scheme whose blocks do not divide it" : " no `scheme`");
    if (entry.contains(kTensorScaleAttr))
      return op->emitOpError() << "`" << kSchemesAttr << "` wants a scale for the whole of `" << operand.name
                               << "`; run `lowbit-split-tensor-scales` first";
    OpBuilder builder(op);
    Location loc = input.getLoc();
    auto scale = entry.getAs<FloatAttr>("scale");
    Scales scales =
        scale ? buildStaticScales(builder, loc, scale, entry.getAs<IntegerAttr>("zero")) : buildComputedScales(builder, loc, input, scheme);
    Type codesType = type.clone(scheme.getFormat().getCodeType());
    Value codes = QuantizeOp::create(builder, loc, codesType, input, scales.scales, scales.zeros, scheme);
    operand.operand->set(DequantizeOp::create(builder, loc, type, codes, scales.scales, scales.zeros, scheme));
    return success();
  }
};
} // namespace
} // namespace mlir::lowbit
