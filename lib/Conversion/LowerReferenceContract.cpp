//===- LowerReferenceContract.cpp - sums of products of codes -------------===//
//
// Law: dots of a block are exact, in an integer accumulator that is proved wide enough; blocks are summed in f32 in row-major
// order, each by one fused multiply-add; then come the scales of whole sums and the epilogue. At most three generics: dots, the sum of
// blocks, the epilogue.
//
//===----------------------------------------------------------------------===//

#include "ContractLoops.h"
#include "ScaleArithmetic.h"
#include "lowbit/Analysis/AccumulatorBound.h"
#include "lowbit/Conversion/LowerReference.h"
#include "lowbit/Conversion/ProductEpilogue.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/PatternMatch.h"

namespace mlir::lowbit {
namespace {

/// What one side brings to the dots: codes and, maybe, zero points.
struct Factor {
  NumberFormatAttrInterface format; ///< Null for a float side.
  unsigned codes, zeros;            ///< Positions among the inputs; zeros is 0 where there are none.

  Factor(ContractLoops &loops, const ContractSide &side, SmallVectorImpl<Value> &inputs, SmallVectorImpl<AffineMap> &maps)
      : format(side.scheme ? side.scheme.getFormat() : NumberFormatAttrInterface()), codes(inputs.size()), zeros(0) {
    append(loops.buildCodes(side), inputs, maps);
    if (!side.zeros)
      return;
    zeros = inputs.size();
    append(loops.buildScales(side, side.zeros), inputs, maps);
  }

  static void append(const MappedValue &mapped, SmallVectorImpl<Value> &inputs, SmallVectorImpl<AffineMap> &maps) {
    inputs.push_back(mapped.value);
    maps.push_back(mapped.map);
  }

  Value buildInteger(OpBuilder &b, Location loc, ValueRange elements, unsigned width) const {
    Value code = format.buildDecodeInteger(b, loc, elements[codes], width);
    if (zeros == 0)
      return code;
    return arith::SubIOp::create(b, loc, code, buildResize(b, loc, elements[zeros], width, format.isSigned()));
  }

  Value buildReal(OpBuilder &b, Location loc, ValueRange elements) const {
    if (!format)
      return buildAsF32(b, loc, elements[codes]);
    return buildShifted(b, loc, elements[codes], zeros == 0 ? Value() : elements[zeros], format);
  }
};

struct LowerContract final : OpRewritePattern<ContractOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(ContractOp op, PatternRewriter &rewriter) const override {
    Type sumType = op.getSumType(), dotType = rewriter.getF32Type();
    bool hasScales = op.getLhsScales() || op.getRhsScales();
    if (op.isInteger()) {
      FailureOr<unsigned> width = getAccumulatorWidth(op);
      if (failed(width))
        return rewriter.notifyMatchFailure(op, "dots are not proved to fit in 64 bits");
      if (!hasScales && *width > sumType.getIntOrFloatBitWidth())
        return rewriter.notifyMatchFailure(op, "the sum is not proved to fit in 32 bits; use i64");
      dotType = hasScales ? rewriter.getIntegerType(*width) : sumType;
    }
    ContractLoops loops(rewriter, op);
    Value dots = buildDots(rewriter, op, loops, dotType);
    bool isDone = !hasScales && !op.hasEpilogue() && dotType == getElementTypeOrSelf(op.getType());
    if (loops.getNumBlocks() != 0)
      dots = buildBlockSum(rewriter, op, loops, dots);
    Value result = isDone ? dots : buildEpilogue(rewriter, op, loops, dots);
    rewriter.replaceOp(op, castToShape(rewriter, op.getLoc(), result, getShape(op.getResult())));
    return success();
  }

private:
  static Value buildDots(OpBuilder &builder, ContractOp op, ContractLoops &loops, Type dotType) {
    Location loc = op.getLoc();
    SmallVector<Value> inputs;
    SmallVector<AffineMap> maps;
    Factor lhs(loops, ContractSide::getLhs(op), inputs, maps), rhs(loops, ContractSide::getRhs(op), inputs, maps);
    maps.push_back(getLeadingMap(op.getContext(), loops.getNumLoops(), loops.getNumDotLoops()));
    Value zero = arith::ConstantOp::create(builder, loc, builder.getZeroAttr(dotType));
    Value init = linalg::FillOp::create(builder, loc, zero, loops.buildEmpty(loops.getNumDotLoops(), dotType)).getResult(0);
    return buildGeneric(builder, loc, inputs, init, maps, [&](OpBuilder &b, Location nested, ValueRange elements) -> Value {
      if (auto integer = dyn_cast<IntegerType>(dotType)) {
        Value left = lhs.buildInteger(b, nested, elements, integer.getWidth());
        Value right = rhs.buildInteger(b, nested, elements, integer.getWidth());
        return arith::AddIOp::create(b, nested, elements.back(), arith::MulIOp::create(b, nested, left, right));
      }
      Value left = lhs.buildReal(b, nested, elements), right = rhs.buildReal(b, nested, elements);
      return arith::AddFOp::create(b, nested, elements.back(), arith::MulFOp::create(b, nested, left, right));
    });
  }

  /// Appends the scales that change along reductions, or those that do not, as seen from the first `numLoops` loops.
  static void appendScales(ContractOp op, ContractLoops &loops, bool inBlocks, unsigned numLoops, SmallVectorImpl<Value> &inputs,
                           SmallVectorImpl<AffineMap> &maps) {
    std::pair<ContractSide, ContractOperand> sides[] = {{ContractSide::getLhs(op), ContractOperand::Lhs},
                                                        {ContractSide::getRhs(op), ContractOperand::Rhs}};
    for (auto &[side, operand] : sides) {
      if (!side.scales || changesAlongReductions(op, operand) != inBlocks)
        continue;
      MappedValue scales = loops.buildScales(side, side.scales);
      inputs.push_back(scales.value);
      maps.push_back(restrictMap(scales.map, numLoops));
    }
  }

  /// The first element, a dot or a sum of blocks, as f32 times the others.
  static Value buildScaled(OpBuilder &b, Location loc, ValueRange elements) {
    Value real = elements[0];
    if (isa<IntegerType>(real.getType()))
      real = arith::SIToFPOp::create(b, loc, b.getF32Type(), real);
    for (Value scale : elements.drop_front())
      real = arith::MulFOp::create(b, loc, real, buildAsF32(b, loc, scale));
    return real;
  }

  static Value buildBlockSum(OpBuilder &builder, ContractOp op, ContractLoops &loops, Value dots) {
    Location loc = op.getLoc();
    SmallVector<Value> inputs{dots};
    SmallVector<AffineMap> maps{builder.getMultiDimIdentityMap(loops.getNumDotLoops())};
    appendScales(op, loops, /*inBlocks=*/true, loops.getNumDotLoops(), inputs, maps);
    maps.push_back(getLeadingMap(op.getContext(), loops.getNumDotLoops(), loops.getNumParallel()));
    Value zero = arith::ConstantOp::create(builder, loc, builder.getF32FloatAttr(0));
    Value init = linalg::FillOp::create(builder, loc, zero, loops.buildEmpty(loops.getNumParallel(), builder.getF32Type())).getResult(0);
    return buildGeneric(builder, loc, inputs, init, maps, [](OpBuilder &b, Location nested, ValueRange elements) -> Value {
      Value scale = buildAsF32(b, nested, elements[elements.size() - 2]);
      return math::FmaOp::create(b, nested, buildScaled(b, nested, elements.drop_back(2)), scale, elements.back());
    });
  }

  /// The last generic: scales, unless blocks were summed, and the op's region.
  static Value buildEpilogue(OpBuilder &builder, ContractOp op, ContractLoops &loops, Value sums) {
    Location loc = op.getLoc();
    SmallVector<Value> inputs{sums};
    SmallVector<AffineMap> maps{builder.getMultiDimIdentityMap(loops.getNumParallel())};
    bool takesSums = !op.getLhsScales() && !op.getRhsScales();
    appendScales(op, loops, /*inBlocks=*/false, loops.getNumParallel(), inputs, maps);
    unsigned numScaled = inputs.size();
    for (auto [i, operand] : llvm::enumerate(op.getEpilogueOperands())) {
      inputs.push_back(operand);
      maps.push_back(loops.getEpilogueMap(op.getMap(3 + i)));
    }
    maps.push_back(builder.getMultiDimIdentityMap(loops.getNumParallel()));
    return buildGeneric(builder, loc, inputs, op.getInit(), maps, [&](OpBuilder &b, Location nested, ValueRange elements) -> Value {
      Value sum = takesSums ? elements[0] : buildScaled(b, nested, elements.take_front(numScaled));
      if (!op.hasEpilogue())
        return buildFromF32(b, nested, sum, getElementTypeOrSelf(op.getType()));
      return applyEpilogue(b, op.getEpilogue(), sum, elements.slice(numScaled, op.getEpilogueOperands().size()));
    });
  }
};

} // namespace

void populateLowerContractPatterns(RewritePatternSet &patterns) { patterns.add<LowerContract>(patterns.getContext()); }

} // namespace mlir::lowbit
