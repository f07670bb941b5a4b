//===- GroupedMatmulOp.cpp - verifier and effects of lowbit.grouped_matmul ===//

#include "VerifyMatmul.h"
#include "lowbit/IR/LaneWeights.h"

namespace mlir::lowbit {

static int64_t ceilDiv(int64_t size, int64_t by) { return ShapedType::isDynamic(size) ? size : llvm::divideCeil(size, by); }

Type GroupedMatmulOp::getSumType() {
  bool isExact = !getScales() && getElementTypeOrSelf(getLhs().getType()).isInteger();
  return isExact ? Type(IntegerType::get(getContext(), 32)) : Float32Type::get(getContext());
}

/// (C5)
static LogicalResult verifyGroups(GroupedMatmulOp op) {
  int64_t group = op.getGroup(), smallest = getElementTypeOrSelf(op.getLhs().getType()).isInteger() || op.getWidth() < 4 ? 32 : 16;
  if (!op.getScales() && (group != 0 || op.getZeros()))
    return op.emitOpError("(C5) has groups or zeros, but no scales");
  if (op.getScales() && (group < smallest || group > 1024 || !llvm::isPowerOf2_64(group)))
    return op.emitOpError() << "(C5) groups have " << group << " weights; expected a power of two from " << smallest << " to 1024";
  return success();
}

/// (C6), (C7)
static LogicalResult verifyWeights(GroupedMatmulOp op) {
  std::optional<ArrayRef<float>> levels = op.getLevels();
  if (op.getWidth() != 4 && (op.getWidth() != 2 || levels))
    return op.emitOpError() << "(C6) weights have " << op.getWidth() << " bits; expected " << (levels ? "4" : "2 or 4");
  if (!levels)
    return success();
  if (levels->size() != 16 || llvm::any_of(*levels, [](float level) { return !std::isfinite(level); }))
    return op.emitOpError() << "(C7) has " << levels->size() << " levels; expected 16 finite reals";
  if (getElementTypeOrSelf(op.getLhs().getType()).isInteger() || op.getZeros() || op.getRhsUnsigned())
    return op.emitOpError("(C7) has levels, and lhs of codes, zeros or `unsigned`; expected lhs of floats alone");
  return success();
}

LogicalResult GroupedMatmulOp::verify() {
  if (failed(verifyGroups(*this)) || failed(verifyWeights(*this)))
    return failure();
  auto getShape = [](Value value) { return cast<ShapedType>(value.getType()).getShape(); };
  ArrayRef<int64_t> lhs = getShape(getLhs()), rhs = getShape(getRhs()), init = getShape(getInit());
  if (lhs.size() != 2 || rhs.size() != 2 || init.size() != 2)
    return emitOpError("(C1) a side or init is no matrix; expected rank 2");
  auto group = static_cast<int64_t>(getGroup());
  if (group && !ShapedType::isDynamic(lhs[1]) && lhs[1] % group != 0)
    return emitOpError() << "(C5) groups of " << group << " weights do not divide a reduction of " << lhs[1];
  Type element = getElementTypeOrSelf(getLhs().getType());
  if (!element.isF16() && !element.isBF16() && !element.isF32() && !element.isInteger(8))
    return emitOpError() << "(C1) lhs has elements of " << element << "; expected f16, bf16, f32 or i8";
  LaneWeights weights{static_cast<int64_t>(getWidth()), element.isInteger() ? 8 : 16};
  int64_t tiles = ceilDiv(init[1], LaneWeights::columns), columns = ShapedType::isDynamic(tiles) ? tiles : tiles * LaneWeights::columns;
  int64_t bytes = ShapedType::isDynamic(lhs[1]) ? lhs[1] : weights.getRowBytes(lhs[1], group);
  SmallVector<int64_t> groups{group ? ceilDiv(lhs[1], group) : 1, columns};
  bool agrees = agree(rhs, {tiles, bytes}) && agree(init[0], lhs[0]) && (!getScales() || agree(getShape(getScales()), groups)) &&
                (!getZeros() || agree(getShape(getZeros()), groups));
  if (!agrees) {
    InFlightDiagnostic diagnostic = emitOpError() << "(C1) shapes of " << getLhs().getType() << ", " << getRhs().getType();
    if (getScales())
      diagnostic << ", " << getScales().getType();
    diagnostic << " and " << getInit().getType() << " do not agree";
    auto show = [](int64_t size) { return ShapedType::isDynamic(size) ? std::string("?") : std::to_string(size); };
    diagnostic.attachNote() << "expected rhs of [" << show(tiles) << ", " << show(bytes) << "], scales and zeros of [" << show(groups[0])
                            << ", " << show(columns) << "], and as many rows of lhs and init";
    return diagnostic;
  }
  if (Type scale = getScales() ? getElementTypeOrSelf(getScales().getType()) : Type();
      scale && !(isa<FloatType>(scale) && (scale.isF16() || scale.isBF16() || scale.isF32() || scale.getIntOrFloatBitWidth() == 8)))
    return emitOpError() << "(C5) scales are of " << scale << "; expected f16, bf16, f32 or a float of 8 bits";
  return verifyProduct(*this, getInit(), getEpilogueOperands());
}

LogicalResult GroupedMatmulOp::verifyRegions() {
  return verifyEpilogue(*this, getEpilogue(), getSumType(), getEpilogueOperands(), getInit());
}

void GroupedMatmulOp::getEffects(MemoryEffectList &effects) { addBufferEffects(*this, effects); }

} // namespace mlir::lowbit
