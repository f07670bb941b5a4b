//===- FloatLinear.h - a linear layer whose float operands may be changed -===//
//
// What algorithms that change activations work on. They run on a named float model, before observers or schemes are there, or after
// `lowbit-insert-qdq`, where what is changed is what `quantize` reads.
//
//===----------------------------------------------------------------------===//
#ifndef LOWBIT_PTQ_FLOATLINEAR_H
#define LOWBIT_PTQ_FLOATLINEAR_H

#include "lowbit/IR/Lowbit.h"
#include "mlir/IR/BuiltinOps.h"

namespace mlir::lowbit {

class FloatLinear {
public:
  /// Named ops of `module` with one activation and one constant weight, whether quantized or not.
  static SmallVector<FloatLinear, 0> collect(ModuleOp module);

  QuantizableOpInterface getOp() const { return op; }
  StringRef getName() const { return op->getAttrOfType<StringAttr>(kSiteAttr).getValue(); }
  /// The activation as floats.
  Value getInput() const;
  /// The one axis of the activation, or of the weight, that is summed over; none when there are several.
  std::optional<int64_t> getInputAxis() const { return getOnly(activation.reducedAxes); }
  std::optional<int64_t> getWeightAxis() const { return getOnly(weight.reducedAxes); }
  /// The weight as floats.
  RankedTensorType getWeightType() const { return cast<RankedTensorType>(weight.operand->get().getType()); }
  OpOperand *getWeightOperand() const { return weight.operand; }
  /// Row-major, as it is stored.
  FailureOr<std::vector<float>> readWeight() const;

  bool hasQuantizedInput() const { return static_cast<bool>(getDequantizedInput()); }
  /// Why operands cannot be changed any more; empty when they can.
  std::string findObstacle() const;

  /// The linear reads `value`; scales that were computed are computed of it.
  void setInput(Value value);
  /// Of f32; scales of weights are computed anew.
  void setWeight(ArrayRef<float> stored, StringRef suffix);

private:
  FloatLinear(QuantizableOpInterface op, QuantizableOperand activation, QuantizableOperand weight)
      : op(op), activation(std::move(activation)), weight(std::move(weight)) {}

  static std::optional<int64_t> getOnly(ArrayRef<int64_t> axes) { return axes.size() == 1 ? std::optional(axes.front()) : std::nullopt; }
  DequantizeOp getDequantizedInput() const { return activation.operand->get().getDefiningOp<DequantizeOp>(); }
  DequantizeOp getDequantizedWeight() const { return weight.operand->get().getDefiningOp<DequantizeOp>(); }

  mutable QuantizableOpInterface op; ///< A handle, whose methods are not const.
  QuantizableOperand activation, weight;
};

} // namespace mlir::lowbit

#endif // LOWBIT_PTQ_FLOATLINEAR_H
