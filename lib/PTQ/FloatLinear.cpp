//===- FloatLinear.cpp - a linear layer whose float operands may be changed -===//

#include "lowbit/PTQ/FloatLinear.h"
#include "lowbit/Transforms/Constants.h"
#include "mlir/Dialect/Arith/IR/Arith.h"

namespace mlir::lowbit {

/// The float value that `dequantize` stands for; null where there are codes only.
static Value getQuantized(DequantizeOp dequantize) {
  auto quantize = dequantize.getCodes().getDefiningOp<QuantizeOp>();
  return quantize ? quantize.getInput() : Value();
}

/// What the operand's floats are.
static Value getReals(Value operand) {
  auto dequantize = operand.getDefiningOp<DequantizeOp>();
  return dequantize ? getQuantized(dequantize) : operand;
}

SmallVector<FloatLinear, 0> FloatLinear::collect(ModuleOp module) {
  SmallVector<FloatLinear, 0> linears;
  module.walk([&](QuantizableOpInterface op) {
    std::string reason;
    SmallVector<QuantizableOperand> operands = op.getQuantizableOperands(reason);
    if (operands.size() != 2 || !op->hasAttr(kSiteAttr) || operands[0].role == operands[1].role)
      return;
    bool activationFirst = operands[0].role == OperandRole::Activation;
    FloatLinear linear(op, operands[activationFirst ? 0 : 1], operands[activationFirst ? 1 : 0]);
    Value weight = getReals(linear.weight.operand->get());
    bool hasCodes = !weight && getConstantElements(linear.getDequantizedWeight().getCodes());
    if ((hasCodes || (weight && getConstantElements(weight))) && linear.getInput())
      linears.push_back(std::move(linear));
  });
  return linears;
}

Value FloatLinear::getInput() const { return getReals(activation.operand->get()); }

FailureOr<std::vector<float>> FloatLinear::readWeight() const {
  return readReals(op, getConstantElements(getReals(weight.operand->get())));
}

std::string FloatLinear::findObstacle() const {
  if (DequantizeOp dequantize = getDequantizedWeight();
      dequantize && (!getQuantized(dequantize) || !dequantize.getScales().getDefiningOp<ComputeScalesOp>()))
    return "codes or scales of its weight are chosen already";
  if (DequantizeOp dequantize = getDequantizedInput(); dequantize && !dequantize.getScales().getDefiningOp<ComputeScalesOp>())
    return "the scale of its activation is fixed already, from statistics of what it read before";
  return "";
}

/// `dequantize(quantize(value, compute_scales(value)))` by the scheme of `old`, which is at `operand`.
static void requantize(OpOperand &operand, DequantizeOp old, Value value) {
  OpBuilder builder(old);
  Location loc = old.getLoc();
  Type zerosType = old.getZeros() ? old.getZeros().getType() : Type();
  auto compute = ComputeScalesOp::create(builder, loc, old.getScales().getType(), zerosType, value, old.getScheme());
  Value codes = QuantizeOp::create(builder, loc, old.getCodes().getType(), value, compute.getScales(), compute.getZeros(), old.getScheme());
  operand.set(DequantizeOp::create(builder, loc, old.getType(), codes, compute.getScales(), compute.getZeros(), old.getScheme()));
  Operation *replaced[] = {old, old.getCodes().getDefiningOp(), old.getScales().getDefiningOp()};
  for (Operation *op : replaced)
    if (op->use_empty())
      op->erase();
}

void FloatLinear::setInput(Value value) {
  if (DequantizeOp dequantize = getDequantizedInput())
    requantize(*activation.operand, dequantize, value);
  else
    activation.operand->set(value);
}

void FloatLinear::setWeight(ArrayRef<float> stored, StringRef suffix) {
  Value old = getReals(weight.operand->get());
  DequantizeOp dequantize = getDequantizedWeight();
  OpBuilder builder(dequantize ? dequantize.getOperation() : op.getOperation());
  auto type = cast<RankedTensorType>(old.getType());
  ArrayRef<char> bytes(reinterpret_cast<const char *>(stored.data()), stored.size() * sizeof(float));
  std::string key = (getResourceKey(getConstantElements(old), getName()) + suffix).str();
  Value constant = arith::ConstantOp::create(builder, old.getLoc(), type, cast<TypedAttr>(buildElements(type, bytes, key)));
  if (dequantize)
    requantize(*weight.operand, dequantize, constant);
  else
    weight.operand->set(constant);
}

} // namespace mlir::lowbit
