//===- WideBuilder.h - arithmetic of f64 under functions of f32 -----------===//

#ifndef LOWBIT_TRANSFORMS_WIDEBUILDER_H
#define LOWBIT_TRANSFORMS_WIDEBUILDER_H

#include "LaneArithmetic.h"
#include <limits>

namespace mlir::lowbit {

/// Arithmetic on f64 scalars or vectors, and the integers and truths of their size.
class WideBuilder : public LaneArithmetic {
public:
  using LaneArithmetic::LaneArithmetic, LaneArithmetic::select;

  static constexpr double infinity = std::numeric_limits<double>::infinity(), nan = std::numeric_limits<double>::quiet_NaN();

  Value constant(double value) { return splat(b.getF64FloatAttr(value)); }
  Value integer(int64_t value) { return splat(b.getI64IntegerAttr(value)); }
  Value compare(arith::CmpFPredicate predicate, Value x, Value y) { return arith::CmpFOp::create(b, predicate, x, y); }
  /// `yes` where the comparison holds; it does not for NaN.
  Value select(arith::CmpFPredicate predicate, Value x, Value y, Value yes, Value no) { return select(compare(predicate, x, y), yes, no); }
  Value div(Value x, Value y) { return arith::DivFOp::create(b, x, y); }
  Value abs(Value x) { return math::AbsFOp::create(b, x); }
  Value sqrt(Value x) { return math::SqrtOp::create(b, x); }
  Value copySign(Value x, Value sign) { return math::CopySignOp::create(b, x, sign); }
  Value toBits(Value x) { return arith::BitcastOp::create(b, with(b.getI64Type()), x); }
  Value toFloat(Value bits) { return arith::BitcastOp::create(b, with(b.getF64Type()), bits); }
  Value isNegative(Value x) {
    return arith::CmpIOp::create(b, arith::CmpIPredicate::slt, toBits(x), integer(0));
  } ///< -0 and NaN by their sign.
  Value isWhole(Value x) { return compare(arith::CmpFPredicate::OEQ, math::FloorOp::create(b, x), x); }
  /// c[0] + c[1] x + …, by Horner's rule.
  Value polynomial(ArrayRef<double> c, Value x) {
    Value sum = constant(c.back());
    for (double coefficient : llvm::reverse(c.drop_back()))
      sum = fma(sum, x, constant(coefficient));
    return sum;
  }

  /// log2 of a positive number that is no subnormal f64, to 2^-45 of it; of others something without a meaning.
  Value log2OfPositive(Value x);
  /// log2 with -infinity of zero, infinity of infinity and NaN of what is negative or none.
  Value log2(Value x);
  /// 2^x, of x held between -300 and 300: beyond, f32 has infinity and zero anyway. NaN becomes one of these.
  Value exp2(Value x);
  /// x^y as pow of C (annex F) has it.
  Value power(Value x, Value y);
};

} // namespace mlir::lowbit

#endif // LOWBIT_TRANSFORMS_WIDEBUILDER_H
