//===- QuantToLowbit.cpp - upstream's quantized types to codes and scales -===//
//
// Law: codes, scales and zero points are those of the type, to the bit; a type that the dialect cannot say is an error that
// names the reason. Scales are constants of the expressed type, as upstream reads them.
//
//===----------------------------------------------------------------------===//

#include "lowbit/Conversion/Passes.h"
#include "lowbit/Formats/Build.h"
#include "lowbit/IR/Lowbit.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Quant/IR/Quant.h"
#include "mlir/Dialect/Quant/IR/QuantTypes.h"
#include "mlir/IR/AttrTypeSubElements.h"
#include "mlir/Interfaces/FunctionInterfaces.h"
#include "llvm/Support/MathExtras.h"

namespace mlir::lowbit {
#define GEN_PASS_DEF_CONVERTQUANTTOLOWBITPASS
#include "lowbit/Conversion/Passes.h.inc"

namespace {

using EmitError = function_ref<InFlightDiagnostic()>;

/// A quantized type in our words.
struct Parameters {
  SmallVector<double> scales;
  SmallVector<int64_t> zeros;
  DenseI64ArrayAttr block;
};

LogicalResult readParameters(quant::QuantizedType type, int64_t rank, Parameters &parameters, EmitError emitError) {
  Builder builder(type.getContext());
  SmallVector<int64_t> block(rank, 0);
  if (auto layer = dyn_cast<quant::UniformQuantizedType>(type)) {
    parameters.scales.push_back(layer.getScale());
    parameters.zeros.push_back(layer.getZeroPoint());
    return success();
  }
  if (auto axis = dyn_cast<quant::UniformQuantizedPerAxisType>(type)) {
    if (axis.getQuantizedDimension() >= rank)
      return emitError() << "quantized dimension " << axis.getQuantizedDimension() << " of " << type << " is outside of a tensor of rank "
                         << rank;
    block[axis.getQuantizedDimension()] = 1;
    llvm::append_range(parameters.scales, axis.getScales());
    llvm::append_range(parameters.zeros, axis.getZeroPoints());
  } else if (auto channel = dyn_cast<quant::UniformQuantizedSubChannelType>(type)) {
    for (auto [dimension, size] : llvm::zip_equal(channel.getQuantizedDimensions(), channel.getBlockSizes())) {
      if (dimension >= rank)
        return emitError() << "quantized dimension " << dimension << " of " << type << " is outside of a tensor of rank " << rank;
      block[dimension] = size;
    }
    for (const APFloat &scale : channel.getScales().getValues<APFloat>())
      parameters.scales.push_back(scale.convertToDouble());
    for (const APInt &zero : channel.getZeroPoints().getValues<APInt>())
      parameters.zeros.push_back(zero.getSExtValue());
  } else {
    return emitError() << "type " << type << " has no scale; expected `!quant.uniform`";
  }
  parameters.block = builder.getDenseI64ArrayAttr(block);
  return success();
}

/// What cannot be said in our formats, whatever the scales.
LogicalResult verifyStorage(quant::QuantizedType type, EmitError emitError) {
  auto storage = dyn_cast<IntegerType>(type.getStorageType());
  if (!storage || storage.getWidth() > 16)
    return emitError() << "storage type " << type.getStorageType() << " of " << type << " is not an integer of 1 to 16 bits";
  if (type.hasStorageTypeBounds())
    return emitError() << "storage of " << type << " is narrower than its type (" << type.getStorageTypeMin() << " to "
                       << type.getStorageTypeMax() << "); formats use all codes of their width";
  Type expressed = type.getExpressedType();
  if (!expressed || (!expressed.isF32() && !expressed.isF16() && !expressed.isBF16()))
    return emitError() << "expressed type of " << type << " is not f32, f16 or bf16, in which scales are exact";
  return success();
}

/// Scheme and constants that a quantized tensor type stands for.
struct Quantization {
  SchemeAttr scheme;
  Value scales, zeros;
};

FailureOr<Quantization> buildQuantization(OpBuilder &builder, Location loc, quant::QuantizedType type, ArrayRef<int64_t> shape,
                                          EmitError emitError) {
  Parameters parameters;
  if (failed(verifyStorage(type, emitError)) || failed(readParameters(type, shape.size(), parameters, emitError)))
    return failure();
  MLIRContext *context = builder.getContext();
  unsigned width = type.getStorageType().getIntOrFloatBitWidth();
  NumberFormatAttrInterface format = getIntegerFormat(context, width, type.isSigned());
  auto expressed = cast<FloatType>(type.getExpressedType());
  SmallVector<APFloat> scales;
  for (double scale : parameters.scales) {
    bool losesInfo;
    APFloat &rounded = scales.emplace_back(scale);
    rounded.convert(expressed.getFloatSemantics(), APFloat::rmNearestTiesToEven, &losesInfo);
    if (!rounded.isFinite() || rounded.isZero() || rounded.isNegative())
      return emitError() << "scale " << scale << " of " << type << " is not a positive finite number as " << expressed;
  }
  unsigned zeroWidth = width;
  for (int64_t zero : parameters.zeros)
    if (type.isSigned() ? !llvm::isIntN(width, zero) : !llvm::isUIntN(width, zero))
      zeroWidth = 32;
  for (int64_t zero : parameters.zeros)
    if (type.isSigned() ? !llvm::isIntN(zeroWidth, zero) : !llvm::isUIntN(zeroWidth, zero))
      return emitError() << "zero point " << zero << " of " << type << " does not fit in 32 bits";
  bool hasZeros = llvm::any_of(parameters.zeros, [](int64_t zero) { return zero != 0; });
  auto zeroType = hasZeros ? builder.getIntegerType(zeroWidth) : IntegerType();

  Quantization result;
  result.scheme = SchemeAttr::get(context, format, parameters.block, expressed.isF32() ? Type() : expressed, zeroType, Scaling::Divide);
  FailureOr<SmallVector<int64_t>> scaleShape = result.scheme.getScaleShape(shape);
  if (failed(scaleShape))
    return emitError() << "blocks of " << type << " do not divide the tensor's shape";
  // Constants are of static shape: one dynamic axis takes the scales that the others leave.
  int64_t numScales = 1;
  for (int64_t size : *scaleShape)
    numScales *= ShapedType::isDynamic(size) ? 1 : size;
  for (int64_t &size : *scaleShape)
    if (ShapedType::isDynamic(size) && numScales != 0) {
      size = static_cast<int64_t>(scales.size()) / numScales;
      numScales *= size;
    }
  if (numScales != static_cast<int64_t>(scales.size()))
    return emitError() << type << " has " << scales.size() << " scales, which do not cover the tensor";
  auto scaleType = RankedTensorType::get(*scaleShape, expressed);
  result.scales = arith::ConstantOp::create(builder, loc, DenseElementsAttr::get(scaleType, scales));
  if (hasZeros) {
    SmallVector<APInt> zeros;
    for (int64_t zero : parameters.zeros)
      zeros.emplace_back(zeroWidth, static_cast<uint64_t>(zero), /*isSigned=*/false, /*implicitTrunc=*/true);
    result.zeros = arith::ConstantOp::create(builder, loc, DenseElementsAttr::get(scaleType.clone(zeroType), zeros));
  }
  return result;
}

bool containsQuantized(Type type) {
  return type.walk([](quant::QuantizedType) { return WalkResult::interrupt(); }).wasInterrupted();
}

struct ConvertQuantToLowbitPass final : impl::ConvertQuantToLowbitPassBase<ConvertQuantToLowbitPass> {
  void runOnOperation() override {
    SmallVector<Cast> casts;
    WalkResult result = getOperation()->walk([&](Operation *op) {
      if (isa<quant::QuantizeCastOp, quant::DequantizeCastOp, quant::StorageCastOp>(op))
        casts.push_back(readCast(op));
      else if (failed(verifyMovesOnly(op)))
        return WalkResult::interrupt();
      return WalkResult::advance();
    });
    if (result.wasInterrupted())
      return signalPassFailure();
    for (const Cast &cast : casts)
      if (failed(convert(cast)))
        return signalPassFailure();
    AttrTypeReplacer replacer;
    replacer.addReplacement([](quant::QuantizedType type) { return type.getStorageType(); });
    replacer.recursivelyReplaceElementsIn(getOperation(), /*replaceAttrs=*/true, /*replaceLocs=*/false, /*replaceTypes=*/true);
  }

private:
  /// A cast with its quantized side, read before neighbours change the types of its operands.
  struct Cast {
    Operation *op;
    Type quantized;
  };

  static Cast readCast(Operation *op) {
    Type from = op->getOperand(0).getType(), to = op->getResult(0).getType();
    return {op, isa<quant::QuantizedType>(getElementTypeOrSelf(from)) ? from : to};
  }

  /// Ops that compute with quantized values lose their meaning with the type; ops that carry them about do not.
  static LogicalResult verifyMovesOnly(Operation *op) {
    bool isTouched = llvm::any_of(llvm::concat<const Type>(op->getOperandTypes(), op->getResultTypes()), containsQuantized);
    StringRef dialect = op->getName().getDialectNamespace();
    if (!isTouched || dialect == "func" || dialect == "tensor" || dialect == "scf" || dialect == "cf" ||
        op->hasTrait<OpTrait::ConstantLike>())
      return success();
    return op->emitError() << "`" << op->getName()
                           << "` computes with quantized types, which codes cannot say; expected `quant` casts around it";
  }

  static LogicalResult convert(const Cast &cast) {
    Operation *op = cast.op;
    OpBuilder builder(op);
    Value input = op->getOperand(0), output = op->getResult(0);
    auto type = llvm::cast<quant::QuantizedType>(getElementTypeOrSelf(cast.quantized));
    if (isa<quant::StorageCastOp>(op)) {
      if (failed(verifyStorage(type, [&] { return op->emitError(); })))
        return failure();
      output.replaceAllUsesWith(input);
      op->erase();
      return success();
    }
    auto codesType = dyn_cast<RankedTensorType>(cast.quantized);
    if (!codesType)
      return op->emitError() << "`" << op->getName() << "` of " << cast.quantized << " is not on a ranked tensor";
    FailureOr<Quantization> quantization =
        buildQuantization(builder, op->getLoc(), type, codesType.getShape(), [&] { return op->emitError(); });
    if (failed(quantization))
      return failure();
    Value result;
    if (isa<quant::QuantizeCastOp>(op))
      result = QuantizeOp::create(builder, op->getLoc(), codesType.clone(type.getStorageType()), input, quantization->scales,
                                  quantization->zeros, quantization->scheme);
    else
      result = DequantizeOp::create(builder, op->getLoc(), output.getType(), input, quantization->scales, quantization->zeros,
                                    quantization->scheme);
    output.replaceAllUsesWith(result);
    op->erase();
    return success();
  }
};

} // namespace
} // namespace mlir::lowbit
