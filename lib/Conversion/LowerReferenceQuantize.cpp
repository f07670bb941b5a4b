//===- LowerReferenceQuantize.cpp - reals to codes and back ---------------===//
//
// Law: all arithmetic is in f32, in the order of the ops' documents. One elementwise generic an op.
//
//===----------------------------------------------------------------------===//

#include "ScaleArithmetic.h"
#include "lowbit/Conversion/BlockView.h"
#include "lowbit/Conversion/LowerReference.h"
#include "mlir/IR/PatternMatch.h"

namespace mlir::lowbit {

namespace {

struct LowerQuantize final : OpRewritePattern<QuantizeOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(QuantizeOp op, PatternRewriter &rewriter) const override {
    Location loc = op.getLoc();
    SchemeAttr scheme = op.getScheme();
    NumberFormatAttrInterface format = scheme.getFormat();
    Value input = castToShape(rewriter, loc, op.getInput(), mergeShapes(op.getInput().getType().getShape(), getShape(op.getCodes())));
    BlockView view(rewriter, loc, scheme, input);
    SmallVector<Value> inputs{view.split(input)};
    SmallVector<AffineMap> maps{view.getElementMap()};
    appendScaleInputs(rewriter, loc, view, scheme, op.getScales(), op.getZeros(), inputs, maps);
    maps.push_back(view.getElementMap());
    Value codes = buildGeneric(rewriter, loc, inputs, buildEmptyLike(rewriter, loc, inputs[0], format.getStorageType()), maps,
                               [&](OpBuilder &b, Location nested, ValueRange elements) {
                                 Value scaled = buildScaled(b, nested, elements[0], elements[1], scheme);
                                 Value zero = op.getZeros() ? buildZeroAsF32(b, nested, elements[2], format.isSigned()) : Value();
                                 return format.buildEncode(b, nested, scaled, zero);
                               });
    rewriter.replaceOp(op, view.merge(codes, op.getType()));
    return success();
  }
};

struct LowerDequantize final : OpRewritePattern<DequantizeOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(DequantizeOp op, PatternRewriter &rewriter) const override {
    Location loc = op.getLoc();
    NumberFormatAttrInterface format = op.getScheme().getFormat();
    Type real = getElementTypeOrSelf(op.getType());
    Value codes = castToShape(rewriter, loc, op.getCodes(), mergeShapes(getShape(op.getCodes()), op.getType().getShape()));
    BlockView view(rewriter, loc, op.getScheme(), codes);
    SmallVector<Value> inputs{view.split(codes), view.squeeze(op.getScales())};
    SmallVector<AffineMap> maps{view.getElementMap(), view.getScaleMap()};
    if (op.getZeros()) {
      inputs.push_back(view.squeeze(op.getZeros()));
      maps.push_back(view.getScaleMap());
    }
    maps.push_back(view.getElementMap());
    Value output = buildGeneric(rewriter, loc, inputs, buildEmptyLike(rewriter, loc, inputs[0], real), maps,
                                [&](OpBuilder &b, Location nested, ValueRange elements) {
                                  Value zero = op.getZeros() ? elements[2] : Value();
                                  Value shifted = buildShifted(b, nested, elements[0], zero, format);
                                  Value scale = buildAsF32(b, nested, elements[1]);
                                  return buildFromF32(b, nested, arith::MulFOp::create(b, nested, shifted, scale), real);
                                });
    rewriter.replaceOp(op, view.merge(output, op.getType()));
    return success();
  }
};

} // namespace

void populateLowerQuantizePatterns(RewritePatternSet &patterns) { patterns.add<LowerQuantize, LowerDequantize>(patterns.getContext()); }

} // namespace mlir::lowbit
