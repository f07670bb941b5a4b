//===- Gradients.h - reverse-mode differentiation of straight-line code ---===//
//
// One driver serves function bodies, where values are tensors, and the bodies of linalg ops, where they are numbers.
//
//===----------------------------------------------------------------------===//
#ifndef LOWBIT_TRAINING_GRADIENTS_H
#define LOWBIT_TRAINING_GRADIENTS_H

#include "lowbit/IR/Lowbit.h"
#include "mlir/IR/Builders.h"

namespace mlir::lowbit {

/// Which values depend on what is differentiated by, and their cotangents so far.
class Gradients {
public:
  /// Marks what is differentiated by.
  void activate(Value value) { active.insert(value); }
  bool isActive(Value value) const { return active.contains(value); }
  /// Marks the float results of those `ops` that have an active operand, in order.
  void propagate(ArrayRef<Operation *> ops);

  /// The derivative of the loss by `value`, or null where it is zero.
  Value lookup(Value value) const { return cotangents.lookup(value); }
  /// Adds to it; nothing where `value` is not active.
  void add(OpBuilder &builder, Location loc, Value value, Value gradient);

private:
  llvm::DenseSet<Value> active;
  llvm::DenseMap<Value, Value> cotangents;
};

/// Builds the cotangents of all active operands of `ops`, which are in order, from those of their results. Failure after an error at the op
/// that has no derivative.
LogicalResult buildReverse(OpBuilder &builder, ArrayRef<Operation *> ops, Gradients &gradients);

/// A tensor of the shape of `like`, all zero.
Value buildZerosLike(OpBuilder &builder, Location loc, Value like);

} // namespace mlir::lowbit

#endif // LOWBIT_TRAINING_GRADIENTS_H
