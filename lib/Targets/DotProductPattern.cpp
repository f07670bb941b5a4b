//===- DotProductPattern.cpp - what a target's dot product is made of -----===//
// Law: the rewritten contraction sums the same products modulo 2^32; nothing saturates in between.

#include "lowbit/Targets/DotProductPattern.h"
#include "lowbit/Formats/Build.h"
#include "lowbit/IR/Lowbit.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/IR/Matchers.h"

namespace mlir::lowbit {

Value buildFlat(OpBuilder &builder, Location loc, Value vector) {
  auto type = cast<VectorType>(vector.getType());
  auto flat = VectorType::get(type.getNumElements(), type.getElementType());
  Operation *op = vector.getDefiningOp();
  DenseElementsAttr constant;
  if (matchPattern(vector, m_Constant(&constant)) && constant.isSplat())
    return arith::ConstantOp::create(builder, loc, constant.resizeSplat(flat));
  auto isLikeResult = [&](Value operand) {
    auto other = dyn_cast<VectorType>(operand.getType());
    return other && other.getShape() == type.getShape();
  };
  if (!op || !OpTrait::hasElementwiseMappableTraits(op) || !llvm::all_of(op->getOperands(), isLikeResult))
    return vector::ShapeCastOp::create(builder, loc, flat, vector);
  SmallVector<Value> operands;
  for (Value operand : op->getOperands())
    operands.push_back(buildFlat(builder, loc, operand));
  return builder.create(loc, op->getName().getIdentifier(), operands, flat, op->getAttrs())->getResult(0);
}

/// The elements that `extended` extends to 32 bits, as one row of `count` elements of `width` bits; null when it is something else.
static Value getFlatCodes(OpBuilder &builder, Location loc, Value extended, int64_t count, unsigned width, bool &isSigned) {
  // Axes of one element come and go while other patterns work.
  Operation *extend = extended.getDefiningOp();
  while (isa_and_nonnull<vector::BroadcastOp, vector::ExtractOp, vector::ShapeCastOp>(extend)) {
    auto source = dyn_cast<VectorType>(extend->getOperand(0).getType());
    if (!source || source.getNumElements() != count)
      return {};
    extend = extend->getOperand(0).getDefiningOp();
  }
  if (!isa_and_nonnull<arith::ExtSIOp, arith::ExtUIOp, arith::ExtFOp>(extend))
    return {};
  isSigned = !isa<arith::ExtUIOp>(extend);
  Value codes = extend->getOperand(0);
  auto type = cast<VectorType>(codes.getType());
  if (type.getNumElements() != count || type.getElementTypeBitWidth() != width)
    return {};
  return buildFlat(builder, loc, codes);
}

/// Whether the last two axes of the right side are the lanes and the group, in this order.
static bool hasGroupsInLanes(vector::ContractionOp op, DotProduct dot) {
  ArrayRef<int64_t> shape = op.getRhsType().getShape();
  if (shape.size() < 2 || shape.back() != dot.depth || shape[shape.size() - 2] != dot.lanes)
    return false;
  AffineMap map = op.getIndexingMapsArray()[1];
  auto isReduction = [&](unsigned axis) { return vector::isReductionIterator(op.getIteratorTypes()[map.getDimPosition(axis)]); };
  return isReduction(shape.size() - 1) && !isReduction(shape.size() - 2);
}

LogicalResult DotProductPattern::matchAndRewrite(vector::ContractionOp op, PatternRewriter &rewriter) const {
  auto resultType = dyn_cast<VectorType>(op.getType());
  Type sum = isFloat ? Type(rewriter.getF32Type()) : Type(rewriter.getI32Type());
  if (!resultType || resultType.getElementType() != sum || resultType.getNumElements() != dot.lanes)
    return rewriter.notifyMatchFailure(op, "the result is not one register of sums");
  if (op.getKind() != vector::CombiningKind::ADD || !hasGroupsInLanes(op, dot))
    return rewriter.notifyMatchFailure(op, "the right side is not lanes of groups");
  NativeDot operands;
  Location loc = op.getLoc();
  operands.lhs = getFlatCodes(rewriter, loc, op.getLhs(), dot.depth, dot.lhsWidth, operands.lhsSigned);
  operands.rhs = getFlatCodes(rewriter, loc, op.getRhs(), dot.lanes * dot.depth, isFloat ? dot.lhsWidth : 8, operands.rhsSigned);
  if (!operands.lhs || !operands.rhs)
    return rewriter.notifyMatchFailure(op, "the operands are not extended codes");
  operands.accumulator = vector::ShapeCastOp::create(rewriter, loc, VectorType::get(dot.lanes, sum), op.getAcc());
  Value result = buildDot(rewriter, loc, operands);
  if (!result)
    return rewriter.notifyMatchFailure(op, "no instruction for these signs");
  rewriter.replaceOpWithNewOp<vector::ShapeCastOp>(op, resultType, result);
  return success();
}

Value buildBroadcastGroup(OpBuilder &builder, Location loc, Value group, int64_t lanes) {
  auto type = cast<VectorType>(group.getType());
  Type whole = builder.getIntegerType(type.getNumElements() * type.getElementTypeBitWidth());
  Value word = vector::BitCastOp::create(builder, loc, VectorType::get(1, whole), group);
  Value scalar = vector::ExtractOp::create(builder, loc, word, 0);
  Value words = vector::BroadcastOp::create(builder, loc, VectorType::get(lanes, whole), scalar);
  return vector::BitCastOp::create(builder, loc, VectorType::get(lanes * type.getNumElements(), type.getElementType()), words);
}

namespace {
struct DotIntrinsicPattern final : DotProductPattern {
  DotIntrinsicPattern(MLIRContext *context, DotProduct dot, DotIntrinsics intrinsics)
      : DotProductPattern(context, dot), intrinsics(intrinsics) {}
  Value buildDot(OpBuilder &builder, Location loc, const NativeDot &operands) const override {
    StringRef name = operands.lhsSigned != operands.rhsSigned ? intrinsics.unsignedBySigned
                     : operands.lhsSigned                     ? intrinsics.bothSigned
                                                              : intrinsics.bothUnsigned;
    if (name.empty())
      return {};
    Value lhs = buildBroadcastGroup(builder, loc, operands.lhs, dot.lanes), rhs = operands.rhs;
    if (operands.lhsSigned && !operands.rhsSigned)
      std::swap(lhs, rhs);
    return LLVM::CallIntrinsicOp::create(builder, loc, operands.accumulator.getType(), builder.getStringAttr(name),
                                         ValueRange{operands.accumulator, lhs, rhs})
        .getResult(0);
  }
  DotIntrinsics intrinsics;
};
} // namespace

void populateDotIntrinsicPatterns(RewritePatternSet &patterns, DotProduct dot, DotIntrinsics intrinsics) {
  patterns.add<DotIntrinsicPattern>(patterns.getContext(), dot, intrinsics);
}

namespace {
struct BFloat16DotPattern final : DotProductPattern {
  BFloat16DotPattern(MLIRContext *context, DotProduct dot, StringRef intrinsic)
      : DotProductPattern(context, dot, /*benefit=*/2, /*isFloat=*/true), intrinsic(intrinsic) {}
  Value buildDot(OpBuilder &builder, Location loc, const NativeDot &operands) const override {
    Value lhs = buildBroadcastGroup(builder, loc, operands.lhs, dot.lanes);
    return LLVM::CallIntrinsicOp::create(builder, loc, operands.accumulator.getType(), builder.getStringAttr(intrinsic),
                                         ValueRange{operands.accumulator, lhs, operands.rhs})
        .getResult(0);
  }
  StringRef intrinsic;
};
} // namespace

void populateBFloat16DotPattern(RewritePatternSet &patterns, DotProduct dot, StringRef intrinsic) {
  patterns.add<BFloat16DotPattern>(patterns.getContext(), dot, intrinsic);
}

namespace {
struct PortableDotProduct final : DotProductPattern {
  PortableDotProduct(MLIRContext *context, DotProduct dot) : DotProductPattern(context, dot, /*benefit=*/1) {}
  Value buildDot(OpBuilder &builder, Location loc, const NativeDot &operands) const override {
    Value sum = operands.accumulator;
    Value rhs = buildResize(builder, loc, operands.rhs, 32, operands.rhsSigned);
    for (int64_t i = 0; i < dot.depth; ++i) {
      Value code = vector::ExtractOp::create(builder, loc, operands.lhs, i);
      Value factor = buildResize(builder, loc, code, 32, operands.lhsSigned);
      Value factors = vector::BroadcastOp::create(builder, loc, sum.getType(), factor);
      SmallVector<int64_t> lanes;
      for (int64_t lane = 0; lane < dot.lanes; ++lane)
        lanes.push_back(lane * dot.depth + i);
      Value column = dot.depth == 1 ? rhs : vector::ShuffleOp::create(builder, loc, rhs, rhs, lanes);
      sum = arith::AddIOp::create(builder, loc, sum, arith::MulIOp::create(builder, loc, factors, column));
    }
    return sum;
  }
};
} // namespace

void populatePortableDotProductPatterns(RewritePatternSet &patterns, DotProduct dot) {
  patterns.add<PortableDotProduct>(patterns.getContext(), dot);
}

} // namespace mlir::lowbit
