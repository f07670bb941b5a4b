//===- Cosine.cpp - directions --------------------------------------------===//

#include "lowbit/IR/Lowbit.h"
#include "lowbit/Losses/Build.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"

namespace mlir::lowbit {

RankedTensorType CosineLossAttr::getTargetType(RankedTensorType prediction, std::string &reason) const {
  if (prediction.getRank() >= 1)
    return prediction;
  reason = "it is one number, which has no direction; expected vectors along its last axis";
  return {};
}

static Value buildProduct(OpBuilder &builder, Location loc, Value a, Value b) {
  return buildSumOf(builder, loc, {a, b}, 1, [](OpBuilder &inner, Location nested, ValueRange args) -> Value {
    return arith::MulFOp::create(inner, nested, args[0], args[1]);
  });
}

Value CosineLossAttr::buildLoss(OpBuilder &builder, Location loc, Value prediction, Value target) const {
  Value product = buildProduct(builder, loc, prediction, target);
  Value norm = buildProduct(builder, loc, prediction, prediction), targetNorm = buildProduct(builder, loc, target, target);
  Value loss = buildMap(builder, loc, {product, norm, targetNorm}, [](OpBuilder &b, Location nested, ValueRange args) -> Value {
    Value length = math::SqrtOp::create(b, nested, arith::MulFOp::create(b, nested, args[1], args[2]));
    Value one = arith::ConstantOp::create(b, nested, b.getF32FloatAttr(1));
    return arith::SubFOp::create(b, nested, one, arith::DivFOp::create(b, nested, args[0], length));
  });
  return buildMean(builder, loc, loss);
}

} // namespace mlir::lowbit
