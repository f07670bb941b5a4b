//===- Rounding.h - rounding that a gradient can choose -------------------===//
//
// A softened weight is the result of an elementwise op `below + gap * h(v)` with `lowbit.rounding`, the name of its site. Its operands are
// `below`, `gap` and `v`, in this order; its attributes say how the weight becomes codes.
//
//===----------------------------------------------------------------------===//
#ifndef LOWBIT_LIB_TRAINING_ROUNDING_H
#define LOWBIT_LIB_TRAINING_ROUNDING_H

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"

namespace mlir::lowbit {

constexpr StringLiteral kRoundingAttr = "lowbit.rounding", kRoundingSchemeAttr = "lowbit.rounding_scheme",
                        kRoundingScalesAttr = "lowbit.rounding_scales", kRoundingZerosAttr = "lowbit.rounding_zeros";
/// Operands of the op.
constexpr unsigned kBelow = 0, kGap = 1, kVariable = 2;
/// `h(v) = clamp(kStretch * sigmoid(v) + kShift, 0, 1)` (Louizos et al., 2018, arXiv:1712.01312).
constexpr float kStretch = 1.2f, kShift = -0.1f;

/// The name of the site whose weight `op` softens, or null.
inline StringAttr getSoftenedSite(Operation *op) {
  auto generic = dyn_cast_or_null<linalg::GenericOp>(op);
  auto site = generic ? op->getAttrOfType<StringAttr>(kRoundingAttr) : StringAttr();
  return site && generic.getNumDpsInputs() == 3 ? site : StringAttr();
}

/// How far up `variable`, an f32, rounds: `h(v)`.
inline Value buildHeight(OpBuilder &builder, Location loc, Value variable) {
  auto real = [&](float value) -> Value { return arith::ConstantOp::create(builder, loc, builder.getF32FloatAttr(value)); };
  Value power = math::ExpOp::create(builder, loc, arith::NegFOp::create(builder, loc, variable));
  Value sigmoid = arith::DivFOp::create(builder, loc, real(1), arith::AddFOp::create(builder, loc, real(1), power));
  Value stretched = arith::AddFOp::create(builder, loc, arith::MulFOp::create(builder, loc, sigmoid, real(kStretch)), real(kShift));
  return arith::MinimumFOp::create(builder, loc, arith::MaximumFOp::create(builder, loc, stretched, real(0)), real(1));
}

} // namespace mlir::lowbit

#endif // LOWBIT_LIB_TRAINING_ROUNDING_H
