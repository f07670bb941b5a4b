//===- VerifyScheme.cpp - constraints that ops share ----------------------===//

#include "VerifyScheme.h"
#include "mlir/IR/Matchers.h"
#include "llvm/ADT/SmallString.h"

namespace mlir::lowbit {

static std::string formatShape(ArrayRef<int64_t> shape) {
  std::string text;
  llvm::raw_string_ostream os(text);
  os << "[";
  llvm::interleaveComma(shape, os, [&](int64_t size) {
    if (ShapedType::isDynamic(size))
      os << "?";
    else
      os << size;
  });
  os << "]";
  return text;
}

static ArrayRef<int64_t> getShape(Value value) { return cast<RankedTensorType>(value.getType()).getShape(); }

LogicalResult verifyCodeType(Operation *op, StringRef label, StringRef what, Value codes, NumberFormatAttrInterface format) {
  Type found = getElementTypeOrSelf(codes.getType());
  if (found == format.getCodeType())
    return success();
  InFlightDiagnostic diagnostic = op->emitOpError() << "(" << label << ") " << what << " have element type " << found << ", but format "
                                                    << format << " has codes of type " << format.getCodeType();
  diagnostic.attachNote() << "expected a tensor of " << format.getCodeType();
  return diagnostic;
}

LogicalResult verifySameShape(Operation *op, StringRef label, StringRef what, Value value, StringRef than, Value other) {
  if (succeeded(verifyCompatibleShape(getShape(value), getShape(other))))
    return success();
  return op->emitOpError() << "(" << label << ") " << what << " shape " << formatShape(getShape(value)) << " differs from " << than
                           << " shape " << formatShape(getShape(other));
}

LogicalResult verifyScaleShape(Operation *op, StringRef label, StringRef what, Value scales, ArrayRef<int64_t> shape, SchemeAttr scheme) {
  if (!scheme.isPerTensor() && scheme.getBlock().size() != static_cast<int64_t>(shape.size()))
    return op->emitOpError() << "(" << label << ") block " << formatShape(scheme.getBlock().asArrayRef()) << " has "
                             << scheme.getBlock().size() << " axes, but the codes have " << shape.size();
  FailureOr<SmallVector<int64_t>> expected = scheme.getScaleShape(shape);
  if (failed(expected))
    return op->emitOpError() << "(" << label << ") block " << formatShape(scheme.getBlock().asArrayRef()) << " does not divide shape "
                             << formatShape(shape) << "; choose a block that divides every axis, or pad";
  ArrayRef<int64_t> found = getShape(scales);
  if (succeeded(verifyCompatibleShape(found, *expected)))
    return success();
  InFlightDiagnostic diagnostic = op->emitOpError() << "(" << label << ") " << what << " shape " << formatShape(found)
                                                    << " does not cover shape " << formatShape(shape);
  if (scheme.isPerTensor())
    diagnostic << " with one value for the tensor";
  else
    diagnostic << " in blocks of " << formatShape(scheme.getBlock().asArrayRef());
  diagnostic.attachNote() << "expected " << what << " shape " << formatShape(*expected);
  return diagnostic;
}

LogicalResult verifyScaleType(Operation *op, StringRef label, Value scales, SchemeAttr scheme) {
  Type found = getElementTypeOrSelf(scales.getType());
  if (found == scheme.getScaleType() || found.isF32())
    return success();
  return op->emitOpError() << "(" << label << ") scales have element type " << found << "; expected " << scheme.getScaleType()
                           << " as the scheme says, or f32";
}

LogicalResult verifyZeros(Operation *op, StringRef label, Value zeros, Value scales, SchemeAttr scheme) {
  if (!zeros && !scheme.getZero())
    return success();
  if (!zeros)
    return op->emitOpError() << "(" << label << ") the scheme has zero points of type " << scheme.getZero()
                             << ", but there is no operand for them; add it, or remove `zero` from the scheme";
  if (!scheme.getZero())
    return op->emitOpError() << "(" << label
                             << ") zero points are given, but the scheme has none; add `zero = " << getElementTypeOrSelf(zeros.getType())
                             << "` to the scheme, or remove the operand";
  if (getElementTypeOrSelf(zeros.getType()) != scheme.getZero())
    return op->emitOpError() << "(" << label << ") zero points have element type " << getElementTypeOrSelf(zeros.getType()) << "; expected "
                             << scheme.getZero() << " as the scheme says";
  return verifySameShape(op, label, "zero point", zeros, "scale", scales);
}

LogicalResult verifyScaleValues(Operation *op, Value scales) {
  DenseFPElementsAttr constant;
  // Large constants are resources and are checked where they are read.
  if (!matchPattern(scales, m_Constant(&constant)) || constant.getNumElements() > 65536)
    return success();
  for (auto [i, scale] : llvm::enumerate(constant.getValues<APFloat>()))
    if (!scale.isFinite() || scale.isZero()) {
      SmallString<16> text;
      scale.toString(text);
      return op->emitOpError() << "scale " << i << " is " << text << "; expected a finite number other than zero";
    }
  return success();
}

} // namespace mlir::lowbit
