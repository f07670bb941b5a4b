//===- LaneArithmetic.h - arithmetic of scalars or vectors alike ----------===//
#ifndef LOWBIT_LIB_TRANSFORMS_LANEARITHMETIC_H
#define LOWBIT_LIB_TRANSFORMS_LANEARITHMETIC_H

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

namespace mlir::lowbit {

/// Operations and constants of one shape, for what builds a function from them.
class LaneArithmetic {
public:
  /// `vector` is null for scalars; of its type only the shape counts.
  LaneArithmetic(ImplicitLocOpBuilder &b, VectorType vector) : b(b), vector(vector) {}

  Type with(Type element) { return vector ? Type(vector.clone(element)) : element; }
  Value splat(TypedAttr value) {
    if (vector)
      value = DenseElementsAttr::get(vector.clone(value.getType()), value);
    return arith::ConstantOp::create(b, value);
  }
  Value fma(Value x, Value y, Value z) { return math::FmaOp::create(b, x, y, z); }
  Value mul(Value x, Value y) { return arith::MulFOp::create(b, x, y); }
  Value add(Value x, Value y) { return arith::AddFOp::create(b, x, y); }
  Value sub(Value x, Value y) { return arith::SubFOp::create(b, x, y); }
  Value select(Value condition, Value yes, Value no) { return arith::SelectOp::create(b, condition, yes, no); }

  ImplicitLocOpBuilder &b;

protected:
  VectorType vector;
};

} // namespace mlir::lowbit

#endif // LOWBIT_LIB_TRANSFORMS_LANEARITHMETIC_H
