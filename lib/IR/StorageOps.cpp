//===- StorageOps.cpp - verifiers and folders of storage ops --------------===//

#include "VerifyScheme.h"
#include "lowbit/IR/CodeConstants.h"
#include "llvm/Support/MathExtras.h"

namespace mlir::lowbit {

static LogicalResult verifyPlanes(Operation *op, Value codes, Value planes, NumberFormatAttrInterface format) {
  if (failed(verifyCodeType(op, "C1", "codes", codes, format)))
    return failure();
  auto codeType = cast<RankedTensorType>(codes.getType()), planeType = cast<RankedTensorType>(planes.getType());
  if (codeType.getRank() == 0)
    return op->emitOpError("(C2) codes have rank 0; expected at least one axis to fill words along");
  int64_t wordBits = planeType.getElementTypeBitWidth(), last = codeType.getShape().back();
  SmallVector<int64_t> expected{format.getWidth()};
  llvm::append_range(expected, codeType.getShape().drop_back());
  expected.push_back(ShapedType::isDynamic(last) ? last : static_cast<int64_t>(llvm::divideCeil(last, wordBits)));
  if (succeeded(verifyCompatibleShape(planeType.getShape(), expected)))
    return verifyConstantOperands(op);
  InFlightDiagnostic diagnostic = op->emitOpError() << "(C2) planes of type " << planeType << " do not hold codes of type " << codeType;
  diagnostic.attachNote() << "expected " << planeType.clone(expected);
  return diagnostic;
}

LogicalResult ToBitsOp::verify() { return verifyPlanes(*this, getCodes(), getPlanes(), getFormat()); }

LogicalResult FromBitsOp::verify() {
  if (failed(verifyPlanes(*this, getCodes(), getPlanes(), getFormat())))
    return failure();
  if (ShapedType::isDynamic(cast<RankedTensorType>(getCodes().getType()).getShape().back()))
    return emitOpError("(C3) the last axis of the codes is dynamic, and planes do not tell its size; expected a static one");
  return success();
}

OpFoldResult ToBitsOp::fold(FoldAdaptor) {
  auto source = getCodes().getDefiningOp<FromBitsOp>();
  int64_t last = cast<RankedTensorType>(getCodes().getType()).getShape().back();
  // Where codes fill words, no bit of a plane is padding.
  bool isInverse = source && source.getFormat() == getFormat() && source.getPlanes().getType() == getPlanes().getType() &&
                   !ShapedType::isDynamic(last) && last % getElementTypeOrSelf(getPlanes().getType()).getIntOrFloatBitWidth() == 0;
  return isInverse ? source.getPlanes() : Value();
}

OpFoldResult FromBitsOp::fold(FoldAdaptor) {
  auto source = getPlanes().getDefiningOp<ToBitsOp>();
  bool isInverse = source && source.getFormat() == getFormat() && source.getCodes().getType() == getCodes().getType();
  return isInverse ? source.getCodes() : Value();
}

static LogicalResult verifyPacked(Operation *op, Value codes, Value packed, NumberFormatAttrInterface format,
                                  PackingAttrInterface packing) {
  if (failed(verifyCodeType(op, "C1", "codes", codes, format)))
    return failure();
  auto codeType = cast<RankedTensorType>(codes.getType()), packedType = cast<RankedTensorType>(packed.getType());
  if (!codeType.hasStaticShape())
    return op->emitOpError() << "(C2) codes of type " << codeType << " have a dynamic shape; expected a static one";
  if (failed(packing.verifyPackable(codeType.getShape(), format.getWidth(), [&] { return op->emitOpError() << "(C2) "; })))
    return failure();
  SmallVector<int64_t> expected = packing.getPackedShape(codeType.getShape(), format.getWidth());
  if (packedType.getShape() == ArrayRef<int64_t>(expected))
    return verifyConstantOperands(op);
  InFlightDiagnostic diagnostic = op->emitOpError() << "(C3) packed type " << packedType << " does not hold codes of type " << codeType
                                                    << " packed as " << packing;
  diagnostic.attachNote() << "expected " << packedType.clone(expected);
  return diagnostic;
}

LogicalResult PackOp::verify() { return verifyPacked(*this, getCodes(), getPacked(), getFormat(), getPacking()); }
LogicalResult UnpackOp::verify() { return verifyPacked(*this, getCodes(), getPacked(), getFormat(), getPacking()); }

OpFoldResult UnpackOp::fold(FoldAdaptor) {
  auto source = getPacked().getDefiningOp<PackOp>();
  bool isInverse = source && source.getFormat() == getFormat() && source.getPacking() == getPacking();
  // Where there are more codes than digits, packing changes some.
  unsigned width = getFormat().getWidth();
  return isInverse && getPacking().getBase(width) >> width != 0 ? source.getCodes() : Value();
}

LogicalResult LookupOp::verify() {
  if (size_t size = getTable().size(); !llvm::isPowerOf2_64(size) || size > 256)
    return emitOpError() << "(C1) table of " << size << " bytes; expected a power of two of at most 256";
  return success();
}

} // namespace mlir::lowbit
