//===- LowerReferenceScales.cpp - scales from values ----------------------===//
//
// Law: one reduction over each block, then one elementwise generic over the scales.
//
//===----------------------------------------------------------------------===//

#include "ScaleArithmetic.h"
#include "lowbit/Conversion/LowerReference.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/PatternMatch.h"
#include "llvm/Support/MathExtras.h"
#include <cmath>

namespace mlir::lowbit {
namespace {

/// The bits of |x|. As integers they are ordered like the reals, with NaN on top: a reduction by one integer instruction.
Value buildMagnitudeBits(OpBuilder &builder, Location loc, Value real) {
  Value bits = arith::BitcastOp::create(builder, loc, builder.getI32Type(), real);
  return arith::AndIOp::create(builder, loc, bits, buildIntegerLike(builder, loc, 0x7fffffff, 32, bits));
}

/// The f32 `scale` as the scheme holds it: at least its smallest positive number whose reciprocal is finite, 1 where `range` is zero.
Value buildStoredScale(OpBuilder &b, Location loc, Value scale, Value range, SchemeAttr scheme) {
  auto type = cast<FloatType>(scheme.getScaleType());
  double tiny = std::max(APFloat::getSmallest(type.getFloatSemantics()).convertToDouble(), std::ldexp(1.0, -126));
  Value least = buildRealLike(b, loc, tiny, scale), zero = buildRealLike(b, loc, 0, scale), one = buildRealLike(b, loc, 1, scale);
  Value isTiny = arith::CmpFOp::create(b, loc, arith::CmpFPredicate::OLT, scale, least);
  scale = arith::SelectOp::create(b, loc, isTiny, least, scale);
  Value isZero = arith::CmpFOp::create(b, loc, arith::CmpFPredicate::OEQ, range, zero);
  scale = arith::SelectOp::create(b, loc, isZero, one, scale);
  if (APFloat::semanticsPrecision(type.getFloatSemantics()) == 1) {
    // Powers of two only: up, so that nothing saturates. Adding the mantissa's mask carries into the exponent unless it is zero.
    Value bits = arith::BitcastOp::create(b, loc, b.getI32Type(), scale);
    Value mask = buildIntegerLike(b, loc, 0x7fffff, 32, bits), exponent = buildIntegerLike(b, loc, 0x7f800000, 32, bits);
    Value up = arith::AndIOp::create(b, loc, arith::AddIOp::create(b, loc, bits, mask), exponent);
    Value isNumber = arith::CmpFOp::create(b, loc, arith::CmpFPredicate::ORD, scale, scale);
    scale = arith::SelectOp::create(b, loc, isNumber, arith::BitcastOp::create(b, loc, b.getF32Type(), up), scale);
  }
  return buildFromF32(b, loc, scale, type);
}

/// The zero points that both the format and their type hold.
std::pair<double, double> getZeroRange(SchemeAttr scheme) {
  NumberFormatAttrInterface format = scheme.getFormat();
  unsigned width = std::min<unsigned>(scheme.getZero().getWidth(), 32);
  double first = format.isSigned() ? llvm::minIntN(width) : 0, last = format.isSigned() ? llvm::maxIntN(width) : llvm::maxUIntN(width);
  return {std::max(first, format.getSmallest()), std::min(last, format.getLargest())};
}

struct LowerComputeScales final : OpRewritePattern<ComputeScalesOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(ComputeScalesOp op, PatternRewriter &rewriter) const override {
    BlockView view(rewriter, op.getLoc(), op.getScheme(), op.getInput());
    if (op.getZeros())
      lowerWithZeros(op, view, rewriter);
    else
      lowerSymmetric(op, view, rewriter);
    return success();
  }

private:
  static Value buildReduction(ComputeScalesOp op, BlockView &view, OpBuilder &b, TypedAttr neutral,
                              function_ref<Value(OpBuilder &, Location, Value real, Value accumulator)> combine) {
    Location loc = op.getLoc();
    Value element = arith::ConstantOp::create(b, loc, neutral);
    Value init = linalg::FillOp::create(b, loc, element, view.buildEmptyScales(neutral.getType())).getResult(0);
    return buildGeneric(b, loc, view.split(op.getInput()), init, {view.getReductionElementMap(), view.getReductionScaleMap()},
                        [&](OpBuilder &nested, Location nestedLoc, ValueRange elements) {
                          return combine(nested, nestedLoc, buildAsF32(nested, nestedLoc, elements[0]), elements[1]);
                        });
  }

  /// scale = max |x| / largest
  static void lowerSymmetric(ComputeScalesOp op, BlockView &view, PatternRewriter &rewriter) {
    Location loc = op.getLoc();
    SchemeAttr scheme = op.getScheme();
    Value largest = buildReduction(op, view, rewriter, rewriter.getI32IntegerAttr(0),
                                   [](OpBuilder &b, Location nested, Value real, Value accumulator) -> Value {
                                     return arith::MaxUIOp::create(b, nested, buildMagnitudeBits(b, nested, real), accumulator);
                                   });
    AffineMap identity = rewriter.getMultiDimIdentityMap(cast<RankedTensorType>(largest.getType()).getRank());
    Value scales = buildGeneric(rewriter, loc, largest, view.buildEmptyScales(scheme.getScaleType()), {identity, identity},
                                [&](OpBuilder &b, Location nested, ValueRange elements) {
                                  Value magnitude = arith::BitcastOp::create(b, nested, b.getF32Type(), elements[0]);
                                  Value range = buildRealLike(b, nested, scheme.getFormat().getLargest(), magnitude);
                                  Value scale = arith::DivFOp::create(b, nested, magnitude, range);
                                  return buildStoredScale(b, nested, scale, magnitude, scheme);
                                });
    rewriter.replaceOp(op, view.unsqueeze(scales, op.getScales().getType()));
  }

  /// scale = (hi - lo) / (largest - smallest), zero = saturate(round_half_even(smallest - lo / scale))
  static void lowerWithZeros(ComputeScalesOp op, BlockView &view, PatternRewriter &rewriter) {
    Location loc = op.getLoc();
    SchemeAttr scheme = op.getScheme();
    NumberFormatAttrInterface format = scheme.getFormat();
    FloatAttr zero = rewriter.getF32FloatAttr(0);
    Value low = buildReduction(op, view, rewriter, zero, [](OpBuilder &b, Location nested, Value real, Value accumulator) -> Value {
      return arith::MinimumFOp::create(b, nested, real, accumulator);
    });
    Value high = buildReduction(op, view, rewriter, zero, [](OpBuilder &b, Location nested, Value real, Value accumulator) -> Value {
      return arith::MaximumFOp::create(b, nested, real, accumulator);
    });
    AffineMap identity = rewriter.getMultiDimIdentityMap(cast<RankedTensorType>(low.getType()).getRank());
    Value scales = buildGeneric(rewriter, loc, {low, high}, view.buildEmptyScales(scheme.getScaleType()), {identity, identity, identity},
                                [&](OpBuilder &b, Location nested, ValueRange elements) {
                                  Value range = arith::SubFOp::create(b, nested, elements[1], elements[0]);
                                  Value steps = buildRealLike(b, nested, format.getLargest() - format.getSmallest(), range);
                                  Value scale = arith::DivFOp::create(b, nested, range, steps);
                                  return buildStoredScale(b, nested, scale, range, scheme);
                                });
    Value zeros = buildGeneric(rewriter, loc, {low, scales}, view.buildEmptyScales(scheme.getZero()), {identity, identity, identity},
                               [&](OpBuilder &b, Location nested, ValueRange elements) {
                                 Value scale = buildAsF32(b, nested, elements[1]);
                                 Value below = arith::DivFOp::create(b, nested, elements[0], scale);
                                 Value smallest = buildRealLike(b, nested, format.getSmallest(), below);
                                 Value shift = arith::SubFOp::create(b, nested, smallest, below);
                                 auto [first, last] = getZeroRange(scheme);
                                 return buildRoundedInteger(b, nested, shift, {}, first, last, scheme.getZero().getWidth());
                               });
    rewriter.replaceOp(op, {view.unsqueeze(scales, op.getScales().getType()), view.unsqueeze(zeros, op.getZeros().getType())});
  }
};

} // namespace

void populateLowerScalesPatterns(RewritePatternSet &patterns) { patterns.add<LowerComputeScales>(patterns.getContext()); }

} // namespace mlir::lowbit
