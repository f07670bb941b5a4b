//===- ScalarRules.h - one line for each op on numbers --------------------===//
#ifndef LOWBIT_LIB_TRAINING_SCALARRULES_H
#define LOWBIT_LIB_TRAINING_SCALARRULES_H

#include "lowbit/Training/Gradients.h"
#include "mlir/Dialect/Arith/IR/Arith.h"

namespace mlir::lowbit {

/// What a rule is told about an op with one result, and the arithmetic it writes with.
struct Chain {
  OpBuilder &builder;
  Operation *op;
  const Gradients &gradients;
  /// The cotangent of the result.
  Value dy;

  Value x(unsigned i) const { return op->getOperand(i); }
  Value y() const { return op->getResult(0); }
  bool isActive(unsigned i) const { return gradients.isActive(x(i)); }

  Value add(Value a, Value b) const { return arith::AddFOp::create(builder, op->getLoc(), a, b); }
  Value sub(Value a, Value b) const { return arith::SubFOp::create(builder, op->getLoc(), a, b); }
  Value mul(Value a, Value b) const { return arith::MulFOp::create(builder, op->getLoc(), a, b); }
  Value div(Value a, Value b) const { return arith::DivFOp::create(builder, op->getLoc(), a, b); }
  Value neg(Value a) const { return arith::NegFOp::create(builder, op->getLoc(), a); }
  Value real(double value) const;
  Value select(Value condition, Value a, Value b) const { return arith::SelectOp::create(builder, op->getLoc(), condition, a, b); }
  Value compare(arith::CmpFPredicate predicate, Value a, Value b) const {
    return arith::CmpFOp::create(builder, op->getLoc(), predicate, a, b);
  }
};

/// The gradient by operand `i`.
using ScalarRule = Value (*)(const Chain &chain, unsigned i);

LogicalResult buildScalarGradients(Operation *op, OpBuilder &builder, Gradients &gradients, ScalarRule rule);

template <typename OpT, ScalarRule rule> struct ScalarModel final : DifferentiableOpInterface::ExternalModel<ScalarModel<OpT, rule>, OpT> {
  LogicalResult buildGradients(Operation *op, OpBuilder &builder, Gradients &gradients) const {
    return buildScalarGradients(op, builder, gradients, rule);
  }
};

template <typename OpT, ScalarRule rule> void attachRule(MLIRContext *context) {
  OpT::template attachInterface<ScalarModel<OpT, rule>>(*context);
}

} // namespace mlir::lowbit

#endif // LOWBIT_LIB_TRAINING_SCALARRULES_H
