//===- CrossEntropy.cpp - classes -----------------------------------------===//

#include "lowbit/IR/Lowbit.h"
#include "lowbit/Losses/Build.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"

namespace mlir::lowbit {

RankedTensorType CrossEntropyLossAttr::getTargetType(RankedTensorType prediction, std::string &reason) const {
  if (prediction.getRank() >= 2)
    return RankedTensorType::get(prediction.getShape().drop_back(), IntegerType::get(getContext(), 32));
  reason = "it has no axis of classes behind one of samples; expected logits [samples, classes]";
  return {};
}

Value CrossEntropyLossAttr::buildLoss(OpBuilder &builder, Location loc, Value logits, Value labels) const {
  Value largest = buildLargest(builder, loc, logits);
  unsigned classes = cast<RankedTensorType>(logits.getType()).getRank() - 1;
  Value sum = buildSumOf(builder, loc, {logits, largest}, 1, [](OpBuilder &b, Location nested, ValueRange args) -> Value {
    return math::ExpOp::create(b, nested, arith::SubFOp::create(b, nested, args[0], args[1]));
  });
  Value atLabel = buildSumOf(builder, loc, {logits, largest, labels}, 1, [&](OpBuilder &b, Location nested, ValueRange args) -> Value {
    Value index = linalg::IndexOp::create(b, nested, classes);
    Value each = arith::IndexCastOp::create(b, nested, b.getI32Type(), index);
    Value isLabel = arith::CmpIOp::create(b, nested, arith::CmpIPredicate::eq, each, args[2]);
    Value zero = arith::ConstantOp::create(b, nested, b.getF32FloatAttr(0));
    return arith::SelectOp::create(b, nested, isLabel, arith::SubFOp::create(b, nested, args[0], args[1]), zero);
  });
  return buildMean(builder, loc, buildMap(builder, loc, {sum, atLabel}, [](OpBuilder &b, Location nested, ValueRange args) -> Value {
                     return arith::SubFOp::create(b, nested, math::LogOp::create(b, nested, args[0]), args[1]);
                   }));
}

} // namespace mlir::lowbit
