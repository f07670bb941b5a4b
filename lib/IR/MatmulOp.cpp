//===- MatmulOp.cpp - verifier and effects of lowbit.matmul ---------------===//

#include "lowbit/IR/CodeConstants.h"
#include "lowbit/IR/Lowbit.h"

namespace mlir::lowbit {

static bool agree(int64_t a, int64_t b) { return a == b || ShapedType::isDynamic(a) || ShapedType::isDynamic(b); }

static bool agree(ArrayRef<int64_t> a, ArrayRef<int64_t> b) {
  return a.size() == b.size() && llvm::all_of(llvm::zip(a, b), [](auto pair) { return agree(std::get<0>(pair), std::get<1>(pair)); });
}

static bool isContiguous(Type type) {
  auto buffer = dyn_cast<MemRefType>(type);
  return !buffer || buffer.isLastDimUnitStride();
}

LogicalResult MatmulOp::verify() {
  auto lhs = cast<ShapedType>(getLhs().getType()), rhs = cast<ShapedType>(getRhs().getType()), init = cast<ShapedType>(getInit().getType());
  if (lhs.getRank() < 2 || rhs.getRank() != lhs.getRank() || init.getRank() != lhs.getRank())
    return emitOpError() << "(C1) lhs, rhs and init have ranks " << lhs.getRank() << ", " << rhs.getRank() << " and " << init.getRank()
                         << "; expected the same, at least 2";
  ArrayRef<int64_t> left = lhs.getShape(), right = rhs.getShape();
  SmallVector<int64_t> expected(left.drop_back());
  expected.push_back(right.drop_back().back());
  if (!agree(left.back(), right.back()) || !agree(left.drop_back(2), right.drop_back(2)) || !agree(init.getShape(), expected)) {
    InFlightDiagnostic diagnostic = emitOpError() << "(C1) shapes of " << lhs << ", " << rhs << " and " << init << " do not agree";
    diagnostic.attachNote() << "expected […, M, K], […, N, K] and […, M, N]";
    return diagnostic;
  }
  if (!isContiguous(lhs) || !isContiguous(rhs) || !isContiguous(init))
    return emitOpError("(C1) a buffer's last axis is not contiguous");
  bool isBuffer = isa<MemRefType>(init);
  for (auto [i, operand] : llvm::enumerate(getEpilogueOperands())) {
    auto type = cast<ShapedType>(operand.getType());
    bool fits = type.getRank() == init.getRank() && llvm::all_of(llvm::zip(type.getShape(), init.getShape()), [](auto sizes) {
                  return std::get<0>(sizes) == 1 || agree(std::get<0>(sizes), std::get<1>(sizes));
                });
    if (!fits)
      return emitOpError() << "(C2) operand " << i << " has type " << type << "; expected the shape of " << init
                           << ", or 1 along axes that share its elements";
    if (!isContiguous(type))
      return emitOpError() << "(C1) the last axis of operand " << i << " is not contiguous";
  }
  if (llvm::any_of(getOperandTypes(), [&](Type type) { return isa<MemRefType>(type) != isBuffer; }))
    return emitOpError("(C4) operands are tensors and buffers; expected all of one kind");
  if (isBuffer != !getResult() || (getResult() && getResult().getType() != getInit().getType()))
    return emitOpError() << "(C4) expected " << (isBuffer ? "no result" : "one result, of the type of init,") << " with operands that are "
                         << (isBuffer ? "buffers" : "tensors");
  return verifyConstantOperands(*this);
}

LogicalResult MatmulOp::verifyRegions() {
  Block &body = getEpilogue().front();
  SmallVector<Type> expected{IntegerType::get(getContext(), 32)};
  for (Value operand : getEpilogueOperands())
    expected.push_back(getElementTypeOrSelf(operand.getType()));
  if (SmallVector<Type>(body.getArgumentTypes()) != expected)
    return emitOpError() << "(C3) the epilogue takes " << body.getArgumentTypes() << "; expected " << expected;
  Value yielded = cast<YieldOp>(body.getTerminator()).getValue();
  Type element = getElementTypeOrSelf(getInit().getType());
  if (!yielded || yielded.getType() != element)
    return emitOpError() << "(C3) the epilogue yields " << (yielded ? yielded.getType() : Type(NoneType::get(getContext())))
                         << "; expected the element type of init, " << element;
  return success();
}

void MatmulOp::getEffects(SmallVectorImpl<SideEffects::EffectInstance<MemoryEffects::Effect>> &effects) {
  if (!hasPureBufferSemantics())
    return;
  for (OpOperand &operand : (*this)->getOpOperands())
    if (isa<MemRefType>(operand.get().getType()))
      effects.emplace_back(isDpsInit(&operand) ? static_cast<MemoryEffects::Effect *>(MemoryEffects::Write::get())
                                               : static_cast<MemoryEffects::Effect *>(MemoryEffects::Read::get()),
                           &operand);
}

} // namespace mlir::lowbit
