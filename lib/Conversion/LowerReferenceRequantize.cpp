//===- LowerReferenceRequantize.cpp - accumulators to codes ---------------===//
//
// Law: the integer-only form touches no float but the exact conversion of a saturated code.
//
//===----------------------------------------------------------------------===//

#include "ScaleArithmetic.h"
#include "lowbit/Conversion/LowerReference.h"
#include "mlir/IR/PatternMatch.h"

namespace mlir::lowbit {
namespace {

/// round_half_even(product / 2^shift) of i64, for shifts from 0 to 62.
Value buildRoundedShift(OpBuilder &b, Location loc, Value product, Value shift) {
  Value zero = buildIntegerLike(b, loc, 0, 64, product), one = buildIntegerLike(b, loc, 1, 64, product);
  Value quotient = arith::ShRSIOp::create(b, loc, product, shift);
  Value unit = arith::ShLIOp::create(b, loc, one, shift);
  Value remainder = arith::AndIOp::create(b, loc, product, arith::SubIOp::create(b, loc, unit, one));
  // Twice the remainder is below 2^63.
  Value twice = arith::AddIOp::create(b, loc, remainder, remainder);
  Value isAbove = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::sgt, twice, unit);
  Value isTie = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq, twice, unit);
  Value isOdd = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ne, arith::AndIOp::create(b, loc, quotient, one), zero);
  Value goesUp = arith::OrIOp::create(b, loc, isAbove, arith::AndIOp::create(b, loc, isTie, isOdd));
  return arith::AddIOp::create(b, loc, quotient, buildResize(b, loc, goesUp, 64, /*isSigned=*/false));
}

Value buildIntegerCode(OpBuilder &b, Location loc, Value accumulator, Value multiplier, Value shift, Value zero,
                       NumberFormatAttrInterface format) {
  Value product = arith::MulIOp::create(b, loc, buildResize(b, loc, accumulator, 64, true), buildResize(b, loc, multiplier, 64, true));
  Value value = buildRoundedShift(b, loc, product, buildResize(b, loc, shift, 64, true));
  if (zero)
    value = arith::AddIOp::create(b, loc, value, buildResize(b, loc, zero, 64, format.isSigned()));
  value = arith::MaxSIOp::create(b, loc, value, buildIntegerLike(b, loc, static_cast<int64_t>(format.getSmallest()), 64, value));
  value = arith::MinSIOp::create(b, loc, value, buildIntegerLike(b, loc, static_cast<int64_t>(format.getLargest()), 64, value));
  Value real = arith::SIToFPOp::create(b, loc, b.getF32Type(), buildResize(b, loc, value, 32, true));
  return format.buildEncode(b, loc, real, {});
}

Value buildFloatCode(OpBuilder &b, Location loc, Value accumulator, Value multiplier, Value zero, NumberFormatAttrInterface format) {
  Value real = arith::SIToFPOp::create(b, loc, b.getF32Type(), accumulator);
  Value scaled = arith::MulFOp::create(b, loc, real, multiplier);
  return format.buildEncode(b, loc, scaled, zero ? buildZeroAsF32(b, loc, zero, format.isSigned()) : Value());
}

struct LowerRequantize final : OpRewritePattern<RequantizeOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(RequantizeOp op, PatternRewriter &rewriter) const override {
    Location loc = op.getLoc();
    NumberFormatAttrInterface format = op.getScheme().getFormat();
    Value accumulators =
        castToShape(rewriter, loc, op.getAccumulators(), mergeShapes(getShape(op.getAccumulators()), getShape(op.getCodes())));
    BlockView view(rewriter, loc, op.getScheme(), accumulators);
    SmallVector<Value> inputs{view.split(accumulators)};
    SmallVector<AffineMap> maps{view.getElementMap()};
    for (Value operand : {Value(op.getMultipliers()), Value(op.getShifts()), Value(op.getZeros())})
      if (operand) {
        inputs.push_back(view.squeeze(operand));
        maps.push_back(view.getScaleMap());
      }
    maps.push_back(view.getElementMap());
    Value init = buildEmptyLike(rewriter, loc, inputs[0], format.getStorageType());
    Value codes = buildGeneric(rewriter, loc, inputs, init, maps, [&](OpBuilder &b, Location nested, ValueRange elements) {
      Value zero = op.getZeros() ? elements[inputs.size() - 1] : Value();
      if (op.getShifts())
        return buildIntegerCode(b, nested, elements[0], elements[1], elements[2], zero, format);
      return buildFloatCode(b, nested, elements[0], elements[1], zero, format);
    });
    rewriter.replaceOp(op, view.merge(codes, op.getType()));
    return success();
  }
};

} // namespace

void populateLowerRequantizePatterns(RewritePatternSet &patterns) { patterns.add<LowerRequantize>(patterns.getContext()); }

} // namespace mlir::lowbit
