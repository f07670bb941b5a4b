//===- GroupedMatmulOp.cpp - verifier and effects of lowbit.grouped_matmul ===//

#include "VerifyMatmul.h"

namespace mlir::lowbit {

static int64_t divide(int64_t size, int64_t by) { return ShapedType::isDynamic(size) ? size : size / by; }

LogicalResult GroupedMatmulOp::verify() {
  int64_t group = getGroup();
  if (group < 32 || group > 1024 || !llvm::isPowerOf2_64(group))
    return emitOpError() << "(C5) groups have " << group << " codes; expected a power of two from 32 to 1024";
  auto getShape = [](Value value) { return cast<ShapedType>(value.getType()).getShape(); };
  ArrayRef<int64_t> lhs = getShape(getLhs()), rhs = getShape(getRhs()), init = getShape(getInit());
  if (lhs.size() != 2 || rhs.size() != 2 || init.size() != 2)
    return emitOpError("(C1) a side or init is no matrix; expected rank 2");
  if (!ShapedType::isDynamic(lhs[1]) && lhs[1] % group != 0)
    return emitOpError() << "(C5) groups of " << group << " codes do not divide a reduction of " << lhs[1];
  SmallVector<int64_t> groups{rhs[0], divide(lhs[1], group)};
  bool agrees = agree(rhs[1], divide(lhs[1], 2)) && agree(init, {lhs[0], rhs[0]}) && agree(getShape(getScales()), groups) &&
                (!getZeros() || agree(getShape(getZeros()), groups));
  if (!agrees) {
    InFlightDiagnostic diagnostic = emitOpError() << "(C1) shapes of " << getLhs().getType() << ", " << getRhs().getType() << ", "
                                                  << getScales().getType() << " and " << getInit().getType() << " do not agree";
    diagnostic.attachNote() << "expected [M, K], [N, K / 2], [N, K / " << group << "] and [M, N]";
    return diagnostic;
  }
  Type element = getElementTypeOrSelf(getLhs().getType()), scale = getElementTypeOrSelf(getScales().getType());
  if (!element.isF16() && !element.isBF16() && !element.isF32() && !element.isInteger(8))
    return emitOpError() << "(C1) lhs has elements of " << element << "; expected f16, bf16, f32 or i8";
  if (!scale.isF16() && !scale.isBF16() && !scale.isF32())
    return emitOpError() << "(C1) scales are of " << scale << "; expected f16, bf16 or f32";
  return verifyProduct(*this, getInit(), getEpilogueOperands());
}

LogicalResult GroupedMatmulOp::verifyRegions() {
  return verifyEpilogue(*this, getEpilogue(), Float32Type::get(getContext()), getEpilogueOperands(), getInit());
}

void GroupedMatmulOp::getEffects(MemoryEffectList &effects) { addBufferEffects(*this, effects); }

} // namespace mlir::lowbit
