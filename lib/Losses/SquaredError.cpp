//===- SquaredError.cpp - squared differences -------------------------===//

#include "lowbit/IR/Lowbit.h"
#include "lowbit/Losses/Build.h"
#include "mlir/Dialect/Arith/IR/Arith.h"

namespace mlir::lowbit {

RankedTensorType SquaredErrorLossAttr::getTargetType(RankedTensorType prediction, std::string &) const { return prediction; }

Value SquaredErrorLossAttr::buildLoss(OpBuilder &builder, Location loc, Value prediction, Value target) const {
  return buildMean(builder, loc, buildMap(builder, loc, {prediction, target}, [](OpBuilder &b, Location nested, ValueRange args) -> Value {
                     Value difference = arith::SubFOp::create(b, nested, args[0], args[1]);
                     return arith::MulFOp::create(b, nested, difference, difference);
                   }));
}

} // namespace mlir::lowbit
