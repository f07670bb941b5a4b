//===- Divergence.cpp - a student's softmax beside its teacher's ----------===//

#include "lowbit/IR/Lowbit.h"
#include "lowbit/Losses/Build.h"
#include "lowbit/Observers/Values.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"

namespace mlir::lowbit {

LogicalResult DivergenceLossAttr::verify(function_ref<InFlightDiagnostic()> emitError, APFloat temperature) {
  if (!(temperature.convertToDouble() > 0))
    return emitError() << "temperature is " << temperature.convertToDouble() << "; expected above 0";
  return success();
}

RankedTensorType DivergenceLossAttr::getTargetType(RankedTensorType prediction, std::string &reason) const {
  if (prediction.getRank() >= 2)
    return prediction;
  reason = "it has no axis of classes behind one of samples; expected logits [samples, classes]";
  return {};
}

/// Values less their largest, divided by the temperature.
static Value buildCooled(OpBuilder &b, Location loc, Value value, Value largest, double temperature) {
  Value inverse = arith::ConstantOp::create(b, loc, b.getF32FloatAttr(static_cast<float>(1 / temperature)));
  return arith::MulFOp::create(b, loc, arith::SubFOp::create(b, loc, value, largest), inverse);
}

Value DivergenceLossAttr::buildLoss(OpBuilder &builder, Location loc, Value prediction, Value target) const {
  double temperature = getTemperature().convertToDouble();
  Value largest = buildLargest(builder, loc, prediction), targetLargest = buildLargest(builder, loc, target);
  auto buildSumOfPowers = [&](Value value, Value top) {
    return buildSumOf(builder, loc, {value, top}, 1, [&](OpBuilder &b, Location nested, ValueRange args) -> Value {
      return math::ExpOp::create(b, nested, buildCooled(b, nested, args[0], args[1], temperature));
    });
  };
  Value sum = buildSumOfPowers(prediction, largest), targetSum = buildSumOfPowers(target, targetLargest);
  Value rows = buildSumOf(builder, loc, {prediction, largest, sum, target, targetLargest, targetSum}, 1,
                          [&](OpBuilder &b, Location nested, ValueRange args) -> Value {
                            auto buildLog = [&](unsigned first) -> Value {
                              Value cooled = buildCooled(b, nested, args[first], args[first + 1], temperature);
                              return arith::SubFOp::create(b, nested, cooled, math::LogOp::create(b, nested, args[first + 2]));
                            };
                            Value student = buildLog(0), teacher = buildLog(3);
                            Value difference = arith::SubFOp::create(b, nested, teacher, student);
                            return arith::MulFOp::create(b, nested, math::ExpOp::create(b, nested, teacher), difference);
                          });
  Value mean = buildMean(builder, loc, rows);
  return buildMap(builder, loc, mean, [&](OpBuilder &b, Location nested, ValueRange args) -> Value {
    Value square = arith::ConstantOp::create(b, nested, b.getF32FloatAttr(static_cast<float>(temperature * temperature)));
    return arith::MulFOp::create(b, nested, args[0], square);
  });
}

} // namespace mlir::lowbit
