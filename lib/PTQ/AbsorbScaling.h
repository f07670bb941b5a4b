//===- AbsorbScaling.h - producers that take factors ----------------------===//
//
// Law: what a plan changes gives, channel by channel, the old value times its factor. Only ops with one reader change.
//
//===----------------------------------------------------------------------===//
#ifndef LOWBIT_LIB_PTQ_ABSORBSCALING_H
#define LOWBIT_LIB_PTQ_ABSORBSCALING_H

#include "lowbit/PTQ/WeightSite.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"

namespace mlir::lowbit {

/// How the producers of a value can take a positive factor for each index of one axis: elementwise ops pass it on (sums to all summands,
/// products to one, ReLU to its operand) until a constant takes it, such as the gamma and beta of a normalization, or a linear its
/// outputs.
class AbsorptionPlan {
public:
  /// `sites` are the linears that may take factors.
  explicit AbsorptionPlan(ArrayRef<WeightSite *> sites = {}) : sites(sites) {}

  /// Whether the op that makes `value` can take factors of `axis`; then what it takes is part of the plan.
  bool add(Value value, int64_t axis);
  /// The linear whose outputs take the factors; null when constants take all of them.
  WeightSite *getLinear() const { return linear; }
  /// Carries the plan out.
  LogicalResult apply(ArrayRef<float> factors);

private:
  /// A constant operand, and the axis of it that takes the factors.
  struct ScaledConstant {
    OpOperand *operand;
    int64_t axis;
  };

  bool addElementwise(linalg::LinalgOp op, int64_t axis);
  bool addInner(linalg::LinalgOp op, Value inner, int64_t axis);
  bool addOperand(OpOperand &operand, int64_t axis);
  bool addConstant(OpOperand &operand, int64_t axis);
  bool addLinear(WeightSite &site, int64_t axis);

  ArrayRef<WeightSite *> sites;
  SmallVector<ScaledConstant> constants;
  WeightSite *linear = nullptr;
};

} // namespace mlir::lowbit

#endif // LOWBIT_LIB_PTQ_ABSORBSCALING_H
