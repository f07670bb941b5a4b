//===- ExpandIntegers.cpp - what the math dialect has of integers ---------===//
// Law: the same integers and truths, without a loop and without a function of a library.

#include "ApproximateFunctions.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include <limits>

namespace mlir::lowbit {
/// A constant of the type, or of the elements of a vector.
static Value makeConstant(ImplicitLocOpBuilder &b, Type type, TypedAttr value) {
  if (auto vector = dyn_cast<VectorType>(type))
    value = DenseElementsAttr::get(vector, value);
  return arith::ConstantOp::create(b, value);
}
static Value makeInteger(ImplicitLocOpBuilder &b, Type type, int64_t value) {
  return makeConstant(b, type, b.getIntegerAttr(getElementTypeOrSelf(type), value));
}

/// max(x, 0 - x); the smallest number stays what it is, as two's complement has it.
static Value buildAbs(ImplicitLocOpBuilder &b, math::AbsIOp op) {
  Value x = op.getOperand();
  return arith::MaxSIOp::create(b, x, arith::SubIOp::create(b, makeInteger(b, x.getType(), 0), x));
}

/// The zeros below the lowest one are the bits that x - 1 has and x has not.
static Value buildTrailingZeros(ImplicitLocOpBuilder &b, math::CountTrailingZerosOp op) {
  Value x = op.getOperand();
  Type type = x.getType();
  Value inverse = arith::XOrIOp::create(b, x, makeInteger(b, type, -1));
  Value below = arith::AndIOp::create(b, inverse, arith::SubIOp::create(b, x, makeInteger(b, type, 1)));
  return math::CtPopOp::create(b, below);
}

/// The zeros above the highest one: all bits below it are set, and the others counted.
static Value buildLeadingZeros(ImplicitLocOpBuilder &b, math::CountLeadingZerosOp op) {
  Value x = op.getOperand();
  Type type = x.getType();
  for (unsigned distance = 1; distance < getElementTypeOrSelf(type).getIntOrFloatBitWidth(); distance *= 2)
    x = arith::OrIOp::create(b, x, arith::ShRUIOp::create(b, x, makeInteger(b, type, distance)));
  return math::CtPopOp::create(b, arith::XOrIOp::create(b, x, makeInteger(b, type, -1)));
}

/// By squares, modulo 2^width. A negative exponent leaves something of 1 and -1 only; x^-1 of zero has no meaning, and is 0 here.
static Value buildPower(ImplicitLocOpBuilder &b, math::IPowIOp op) {
  Value x = op.getLhs(), y = op.getRhs();
  Type type = x.getType();
  Value zero = makeInteger(b, type, 0), one = makeInteger(b, type, 1);
  auto compare = [&](arith::CmpIPredicate predicate, Value left, Value right) { return arith::CmpIOp::create(b, predicate, left, right); };
  auto isBitSet = [&](unsigned bit) {
    Value mask = makeConstant(
        b, type,
        b.getIntegerAttr(getElementTypeOrSelf(type), APInt::getOneBitSet(getElementTypeOrSelf(type).getIntOrFloatBitWidth(), bit)));
    return compare(arith::CmpIPredicate::ne, arith::AndIOp::create(b, y, mask), zero);
  };
  Value power = one, square = x;
  unsigned width = getElementTypeOrSelf(type).getIntOrFloatBitWidth();
  for (unsigned bit = 0; bit + 1 < width; ++bit) {
    power = arith::SelectOp::create(b, isBitSet(bit), arith::MulIOp::create(b, power, square), power);
    if (bit + 2 < width)
      square = arith::MulIOp::create(b, square, square);
  }
  Value minusOne = makeInteger(b, type, -1);
  Value turned = arith::SelectOp::create(b, isBitSet(0), minusOne, one);
  Value inverse = arith::SelectOp::create(b, compare(arith::CmpIPredicate::eq, x, minusOne), turned, zero);
  inverse = arith::SelectOp::create(b, compare(arith::CmpIPredicate::eq, x, one), one, inverse);
  return arith::SelectOp::create(b, compare(arith::CmpIPredicate::slt, y, zero), inverse, power);
}

static Value makeFloat(ImplicitLocOpBuilder &b, Type type, APFloat value) {
  auto element = cast<FloatType>(getElementTypeOrSelf(type));
  return makeConstant(b, type, b.getFloatAttr(element, value));
}
static const llvm::fltSemantics &getSemantics(Type type) { return cast<FloatType>(getElementTypeOrSelf(type)).getFloatSemantics(); }

static Value buildIsNaN(ImplicitLocOpBuilder &b, math::IsNaNOp op) {
  return arith::CmpFOp::create(b, arith::CmpFPredicate::UNO, op.getOperand(), op.getOperand());
}
static Value buildIsInf(ImplicitLocOpBuilder &b, math::IsInfOp op) {
  Type type = op.getOperand().getType();
  return arith::CmpFOp::create(b, arith::CmpFPredicate::OEQ, math::AbsFOp::create(b, op.getOperand()),
                               makeFloat(b, type, APFloat::getInf(getSemantics(type))));
}
static Value buildIsFinite(ImplicitLocOpBuilder &b, math::IsFiniteOp op) {
  Type type = op.getOperand().getType();
  return arith::CmpFOp::create(b, arith::CmpFPredicate::OLT, math::AbsFOp::create(b, op.getOperand()),
                               makeFloat(b, type, APFloat::getInf(getSemantics(type))));
}
static Value buildIsNormal(ImplicitLocOpBuilder &b, math::IsNormalOp op) {
  Type type = op.getOperand().getType();
  Value size = math::AbsFOp::create(b, op.getOperand());
  Value finite = arith::CmpFOp::create(b, arith::CmpFPredicate::OLT, size, makeFloat(b, type, APFloat::getInf(getSemantics(type))));
  Value large =
      arith::CmpFOp::create(b, arith::CmpFPredicate::OGE, size, makeFloat(b, type, APFloat::getSmallestNormalized(getSemantics(type))));
  return arith::AndIOp::create(b, finite, large);
}

namespace {
template <typename OpTy, auto function> struct Expand final : OpRewritePattern<OpTy> {
  using OpRewritePattern<OpTy>::OpRewritePattern;
  LogicalResult matchAndRewrite(OpTy op, PatternRewriter &rewriter) const override {
    Type type = op->getOperand(0).getType();
    if (isa<ShapedType>(type) && !isa<VectorType>(type))
      return rewriter.notifyMatchFailure(op, "neither a scalar nor a vector");
    ImplicitLocOpBuilder b(op.getLoc(), rewriter);
    rewriter.replaceOp(op, function(b, op));
    return success();
  }
};
} // namespace

void populateExpandIntegerPatterns(RewritePatternSet &patterns) {
  patterns.add<Expand<math::AbsIOp, buildAbs>, Expand<math::CountLeadingZerosOp, buildLeadingZeros>,
               Expand<math::CountTrailingZerosOp, buildTrailingZeros>, Expand<math::IPowIOp, buildPower>,
               Expand<math::IsFiniteOp, buildIsFinite>, Expand<math::IsInfOp, buildIsInf>, Expand<math::IsNaNOp, buildIsNaN>,
               Expand<math::IsNormalOp, buildIsNormal>>(patterns.getContext());
}

} // namespace mlir::lowbit
