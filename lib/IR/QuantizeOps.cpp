//===- QuantizeOps.cpp - verifiers of the ops between reals and codes -----===//

#include "VerifyScheme.h"
#include "lowbit/IR/CodeConstants.h"
#include "mlir/IR/Matchers.h"

namespace mlir::lowbit {

LogicalResult ObserveOp::verify() {
  if (getSite().empty())
    return emitOpError("(C1) site name is empty; expected the name of the observed value");
  ArrayRef<int64_t> shape = getInput().getType().getShape();
  if (getWindows() && !getMoments())
    return emitOpError("(C4) has windows but keeps no moments of them; expected `moments of`");
  if (getWindows() && getWindows()->getMap().getNumResults() != shape.size())
    return emitOpError() << "(C4) has windows of a tensor of rank " << getWindows()->getMap().getNumResults() << "; expected rank "
                         << shape.size();
  if (getMoments() && !getWindows() && (shape.empty() || ShapedType::isDynamic(shape.back())))
    return emitOpError() << "(C3) keeps moments of a tensor of type " << getInput().getType() << "; expected a last axis of static size";
  if (!getAxes())
    return success();
  int64_t rank = getInput().getType().getRank(), last = -1;
  for (int64_t axis : getAxesAttr().asArrayRef()) {
    if (axis < 0 || axis >= rank)
      return emitOpError() << "(C2) axis " << axis << " is outside of a tensor of rank " << rank;
    if (axis <= last)
      return emitOpError() << "(C2) axis " << axis << " follows axis " << last << "; expected distinct axes in increasing order";
    last = axis;
  }
  return success();
}

/// The constraints on scales and zero points that every op with a scheme has, under the given labels.
static LogicalResult verifyScheme(Operation *op, ArrayRef<StringRef> labels, Value covered, Value scales, Value zeros, SchemeAttr scheme) {
  auto type = cast<ShapedType>(covered.getType());
  if (failed(verifyScaleShape(op, labels[0], "scale", scales, type.getShape(), scheme)) ||
      failed(verifyScaleType(op, labels[1], scales, scheme)) || failed(verifyZeros(op, labels[2], zeros, scales, scheme)))
    return failure();
  return failed(verifyConstantOperands(op)) ? failure() : verifyScaleValues(op, scales);
}

LogicalResult ComputeScalesOp::verify() {
  if (getElementTypeOrSelf(getScales().getType()) != getScheme().getScaleType())
    return emitOpError() << "(C2) scales have element type " << getElementTypeOrSelf(getScales().getType()) << "; expected "
                         << getScheme().getScaleType() << " as the scheme says";
  return verifyScheme(*this, {{"C1", "C2", "C3"}}, getInput(), getScales(), getZeros(), getScheme());
}

LogicalResult QuantizeOp::verify() {
  if (failed(verifyCodeType(*this, "C1", "codes", getCodes(), getScheme().getFormat())) ||
      failed(verifySameShape(*this, "C1", "codes", getCodes(), "input", getInput())))
    return failure();
  return verifyScheme(*this, {"C2", "C3", "C4"}, getInput(), getScales(), getZeros(), getScheme());
}

LogicalResult DequantizeOp::verify() {
  if (failed(verifyCodeType(*this, "C1", "codes", getCodes(), getScheme().getFormat())) ||
      failed(verifySameShape(*this, "C1", "output", getOutput(), "codes", getCodes())))
    return failure();
  return verifyScheme(*this, {"C2", "C3", "C4"}, getCodes(), getScales(), getZeros(), getScheme());
}

static LogicalResult verifyEstimator(Operation *op, EstimatorAttrInterface estimator, SchemeAttr scheme) {
  std::string reason;
  if (!estimator || estimator.fitsFormat(scheme.getFormat(), reason))
    return success();
  return op->emitOpError() << "(C5) estimator " << estimator << " does not fit " << scheme.getFormat() << ": " << reason;
}

LogicalResult FakeQuantOp::verify() {
  if (failed(verifyScheme(*this, {"C2", "C3", "C4"}, getInput(), getScales(), getZeros(), getScheme())))
    return failure();
  return verifyEstimator(*this, getEstimatorAttr(), getScheme());
}

LogicalResult FakeQuantGradOp::verify() {
  Type input = getInput().getType();
  if (getCotangent().getType() != input || getInputGradient().getType() != input)
    return emitOpError() << "(C1) cotangent " << getCotangent().getType() << " and input gradient " << getInputGradient().getType()
                         << " differ from the input's type " << input;
  if (failed(verifySameShape(*this, "C1", "scale gradient", getScaleGradient(), "scale", getScales())))
    return failure();
  if (failed(verifyScheme(*this, {"C2", "C3", "C4"}, getInput(), getScales(), getZeros(), getScheme())))
    return failure();
  return verifyEstimator(*this, getEstimator(), getScheme());
}

LogicalResult RequantizeOp::verify() {
  NumberFormatAttrInterface format = getScheme().getFormat();
  if (failed(verifyCodeType(*this, "C1", "codes", getCodes(), format)) ||
      failed(verifySameShape(*this, "C1", "codes", getCodes(), "accumulators", getAccumulators())))
    return failure();
  if (!format.isInteger())
    return emitOpError() << "(C1) format " << format << " is not an integer format; dequantize and quantize instead";
  ArrayRef<int64_t> shape = getAccumulators().getType().getShape();
  if (failed(verifyScaleShape(*this, "C2", "multiplier", getMultipliers(), shape, getScheme())))
    return failure();
  bool isIntegerOnly = getElementTypeOrSelf(getMultipliers().getType()).isInteger(32);
  if (isIntegerOnly != static_cast<bool>(getShifts()))
    return emitOpError() << "(C3) " << (isIntegerOnly ? "i32 multipliers need shifts" : "f32 multipliers take no shifts")
                         << "; expected either f32 multipliers alone or i32 multipliers with shifts";
  if (getShifts() && failed(verifySameShape(*this, "C3", "shift", getShifts(), "multiplier", getMultipliers())))
    return failure();
  DenseIntElementsAttr shifts;
  if (getShifts() && matchPattern(getShifts(), m_Constant(&shifts)))
    for (auto [i, shift] : llvm::enumerate(shifts.getValues<APInt>()))
      if (shift.ugt(62))
        return emitOpError() << "(C3) shift " << i << " is " << shift.getSExtValue() << "; expected 0 to 62";
  if (failed(verifyZeros(*this, "C4", getZeros(), getMultipliers(), getScheme())) || failed(verifyConstantOperands(*this)))
    return failure();
  if (isIntegerOnly && !getElementTypeOrSelf(getAccumulators().getType()).isInteger(32))
    return emitOpError() << "(C5) integer-only requantization of " << getElementTypeOrSelf(getAccumulators().getType())
                         << " accumulators may overflow i64; expected i32 accumulators";
  return success();
}

} // namespace mlir::lowbit
