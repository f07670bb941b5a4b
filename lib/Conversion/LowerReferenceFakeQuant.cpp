//===- LowerReferenceFakeQuant.cpp - rounding with a gradient -------------===//
//
// Law: fake_quant is dequantize of quantize, in f32 and to the bit; its gradient is the estimator's.
//
//===----------------------------------------------------------------------===//

#include "ScaleArithmetic.h"
#include "lowbit/Conversion/LowerReference.h"
#include "lowbit/Transforms/Sites.h"
#include "mlir/IR/PatternMatch.h"

namespace mlir::lowbit {
namespace {

/// `x / scale`, and what its code stands for less the zero point.
struct Rounding {
  Value scaled, rounded;
};

Rounding buildRounding(OpBuilder &b, Location loc, Value real, Value scale, Value zero, SchemeAttr scheme) {
  NumberFormatAttrInterface format = scheme.getFormat();
  Value scaled = buildScaled(b, loc, real, scale, scheme);
  Value shift = zero ? buildZeroAsF32(b, loc, zero, format.isSigned()) : Value();
  Value code = format.buildEncode(b, loc, scaled, shift);
  return {scaled, buildShifted(b, loc, code, zero, format)};
}

/// Inputs that both ops have: input, what it is divided by, the scales themselves if they differ from that, zero points.
struct Inputs {
  SmallVector<Value> values;
  SmallVector<AffineMap> maps;
  unsigned scale, zero;

  Inputs(OpBuilder &b, Location loc, BlockView &view, SchemeAttr scheme, Value input, Value scales, Value zeros) {
    values.push_back(view.split(input));
    maps.push_back(view.getElementMap());
    appendScaleInputs(b, loc, view, scheme, scales, zeros, values, maps);
    zero = zeros ? 2 : 0;
    scale = 1;
    if (scheme.getScaling() != Scaling::Reciprocal)
      return;
    scale = values.size();
    append(view.squeeze(scales), view.getScaleMap());
  }
  void append(Value value, AffineMap map) {
    values.push_back(value);
    maps.push_back(map);
  }
  Value getZero(ValueRange elements) const { return zero == 0 ? Value() : elements[zero]; }
};

struct LowerFakeQuant final : OpRewritePattern<FakeQuantOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(FakeQuantOp op, PatternRewriter &rewriter) const override {
    Location loc = op.getLoc();
    Type real = getElementTypeOrSelf(op.getType());
    BlockView view(rewriter, loc, op.getScheme(), op.getInput());
    Inputs inputs(rewriter, loc, view, op.getScheme(), op.getInput(), op.getScales(), op.getZeros());
    inputs.maps.push_back(view.getElementMap());
    Value output = buildGeneric(rewriter, loc, inputs.values, buildEmptyLike(rewriter, loc, inputs.values[0], real), inputs.maps,
                                [&](OpBuilder &b, Location nested, ValueRange elements) {
                                  Rounding rounding =
                                      buildRounding(b, nested, elements[0], elements[1], inputs.getZero(elements), op.getScheme());
                                  Value scale = buildAsF32(b, nested, elements[inputs.scale]);
                                  Value product = arith::MulFOp::create(b, nested, rounding.rounded, scale);
                                  return buildFromF32(b, nested, product, real);
                                });
    if (op->hasAttr(kRematerializedAttr))
      output.getDefiningOp()->setAttr(kRematerializedAttr, rewriter.getUnitAttr());
    rewriter.replaceOp(op, view.merge(output, op.getType()));
    return success();
  }
};

struct LowerFakeQuantGrad final : OpRewritePattern<FakeQuantGradOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(FakeQuantGradOp op, PatternRewriter &rewriter) const override {
    Location loc = op.getLoc();
    Type real = getElementTypeOrSelf(op.getInputGradient().getType());
    BlockView view(rewriter, loc, op.getScheme(), op.getInput());
    Inputs inputs(rewriter, loc, view, op.getScheme(), op.getInput(), op.getScales(), op.getZeros());
    unsigned cotangent = inputs.values.size();
    inputs.append(view.split(op.getCotangent()), view.getElementMap());
    Value blockElements = view.buildBlockElements();

    SmallVector<AffineMap> maps(inputs.maps);
    maps.push_back(view.getElementMap());
    Value gradient = buildGeneric(rewriter, loc, inputs.values, buildEmptyLike(rewriter, loc, inputs.values[0], real), maps,
                                  [&](OpBuilder &b, Location nested, ValueRange elements) {
                                    Place place(b, nested, op, inputs, elements);
                                    Value slope = op.getEstimator().buildInputGradient(b, nested, place.scaled, place.rounded,
                                                                                       place.smallest, place.largest);
                                    Value upstream = buildAsF32(b, nested, elements[cotangent]);
                                    return buildFromF32(b, nested, arith::MulFOp::create(b, nested, upstream, slope), real);
                                  });

    Value zero = arith::ConstantOp::create(rewriter, loc, rewriter.getF32FloatAttr(0));
    Value init = linalg::FillOp::create(rewriter, loc, zero, view.buildEmptyScales(rewriter.getF32Type())).getResult(0);
    maps.clear();
    for (AffineMap map : inputs.maps) // From the order of the split axes to the order of the reduction.
      maps.push_back(map.compose(view.getReductionElementMap()));
    maps.push_back(view.getReductionScaleMap());
    Value scaleGradient =
        buildGeneric(rewriter, loc, inputs.values, init, maps, [&](OpBuilder &b, Location nested, ValueRange elements) -> Value {
          Place place(b, nested, op, inputs, elements);
          Value slope = op.getEstimator().buildScaleGradient(b, nested, place.scaled, place.rounded, place.smallest, place.largest,
                                                             blockElements, place.bound);
          Value upstream = buildAsF32(b, nested, elements[cotangent]);
          // The order of this sum, over all that share a scale, is the target's, as that of other sums of floats is.
          return arith::AddFOp::create(b, nested, elements.back(), arith::MulFOp::create(b, nested, upstream, slope),
                                       arith::FastMathFlags::reassoc);
        });
    rewriter.replaceOp(
        op, {view.merge(gradient, op.getInputGradient().getType()), view.unsqueeze(scaleGradient, op.getScaleGradient().getType())});
    return success();
  }

private:
  /// What an estimator is told about one element.
  struct Place : Rounding {
    Value smallest, largest, bound;
    Place(OpBuilder &b, Location loc, FakeQuantGradOp op, const Inputs &inputs, ValueRange elements)
        : Rounding(buildRounding(b, loc, elements[0], elements[1], inputs.getZero(elements), op.getScheme())) {
      NumberFormatAttrInterface format = op.getScheme().getFormat();
      smallest = buildRealLike(b, loc, format.getSmallest(), scaled);
      bound = largest = buildRealLike(b, loc, format.getLargest(), scaled);
      Value zero = inputs.getZero(elements);
      if (!zero)
        return;
      Value shift = buildZeroAsF32(b, loc, zero, format.isSigned());
      smallest = arith::SubFOp::create(b, loc, smallest, shift);
      largest = arith::SubFOp::create(b, loc, largest, shift);
    }
  };
};

} // namespace

void populateLowerFakeQuantPatterns(RewritePatternSet &patterns) {
  patterns.add<LowerFakeQuant, LowerFakeQuantGrad>(patterns.getContext());
}

} // namespace mlir::lowbit
