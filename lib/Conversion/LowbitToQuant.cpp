//===- LowbitToQuant.cpp - codes and constant scales to quantized types ---===//
//
// Law: lossless or refused. A scale or zero point that a type cannot hold, or an op that upstream has no word for, is an error that
// names the reason.
//
//===----------------------------------------------------------------------===//

#include "lowbit/Conversion/Passes.h"
#include "lowbit/IR/Lowbit.h"
#include "mlir/Dialect/Quant/IR/Quant.h"
#include "mlir/Dialect/Quant/IR/QuantTypes.h"
#include "mlir/IR/Matchers.h"

namespace mlir::lowbit {
#define GEN_PASS_DEF_CONVERTLOWBITTOQUANTPASS
#include "lowbit/Conversion/Passes.h.inc"

namespace {

/// The parts of an op that become a type.
struct Quantized {
  Operation *op;
  SchemeAttr scheme;
  Value scales, zeros;
  RankedTensorType realType;
};

LogicalResult verifySayable(const Quantized &q) {
  NumberFormatAttrInterface format = q.scheme.getFormat();
  if (!format.isInteger() || !format.hasZeroPoint())
    return q.op->emitError() << "format " << format << " has no storage type in `quant`; expected an integer format";
  if (q.scheme.getScaling() != Scaling::Divide)
    return q.op->emitError("`quant` divides by scales; `scaling = reciprocal` would round differently");
  Type real = q.realType.getElementType();
  if (!real.isF32() && !real.isF16() && !real.isBF16())
    return q.op->emitError() << "expressed type " << real << " is computed in f32 here; expected f32, f16 or bf16";
  return success();
}

LogicalResult readScales(const Quantized &q, SmallVectorImpl<double> &scales) {
  DenseFPElementsAttr constant;
  if (!matchPattern(q.scales, m_Constant(&constant)))
    return q.op->emitError("scales are computed at run time, or kept as a resource; a `quant` type needs them as constants");
  auto expressed = cast<FloatType>(q.realType.getElementType());
  for (APFloat scale : constant.getValues<APFloat>()) {
    scales.push_back(scale.convertToDouble());
    if (scale.isNegative())
      return q.op->emitError() << "scale " << scales.back() << " is negative, and scales of `quant` are positive";
    bool losesInfo;
    scale.convert(expressed.getFloatSemantics(), APFloat::rmNearestTiesToEven, &losesInfo);
    if (losesInfo)
      return q.op->emitError() << "scale " << scales.back() << " is not exact as " << expressed << ", in which `quant` reads it";
  }
  return success();
}

LogicalResult readZeros(const Quantized &q, size_t count, SmallVectorImpl<int64_t> &zeros) {
  zeros.assign(count, 0);
  if (!q.zeros)
    return success();
  DenseIntElementsAttr constant;
  if (!matchPattern(q.zeros, m_Constant(&constant)))
    return q.op->emitError("zero points are computed at run time, or kept as a resource; a `quant` type needs them as constants");
  bool isSigned = q.scheme.getFormat().isSigned();
  for (auto [zero, value] : llvm::zip_equal(zeros, constant.getValues<APInt>()))
    zero = isSigned ? value.getSExtValue() : static_cast<int64_t>(value.getZExtValue());
  return success();
}

FailureOr<quant::QuantizedType> buildType(const Quantized &q) {
  SmallVector<double> scales;
  SmallVector<int64_t> zeros;
  if (failed(verifySayable(q)) || failed(readScales(q, scales)) || failed(readZeros(q, scales.size(), zeros)))
    return failure();
  auto emitError = [&] { return q.op->emitError(); };
  NumberFormatAttrInterface format = q.scheme.getFormat();
  MLIRContext *context = q.op->getContext();
  unsigned flags = format.isSigned() ? quant::QuantizationFlags::Signed : 0, width = format.getWidth();
  Type storage = IntegerType::get(context, width), expressed = q.realType.getElementType();
  int64_t least = quant::QuantizedType::getDefaultMinimumForInteger(format.isSigned(), width);
  int64_t most = quant::QuantizedType::getDefaultMaximumForInteger(format.isSigned(), width);
  SmallVector<int32_t> axes;
  SmallVector<int64_t> sizes;
  bool areSingle = true;
  for (int64_t axis = 0; axis < q.realType.getRank(); ++axis) {
    int64_t share = q.scheme.isPerTensor() ? 0 : q.scheme.getBlock()[axis];
    if (share == 0)
      continue;
    axes.push_back(axis);
    sizes.push_back(share);
    areSingle &= share == 1;
  }
  quant::QuantizedType type;
  if (axes.empty()) {
    type = quant::UniformQuantizedType::getChecked(emitError, flags, storage, expressed, scales[0], zeros[0], least, most);
  } else if (axes.size() == 1 && areSingle) {
    type = quant::UniformQuantizedPerAxisType::getChecked(emitError, flags, storage, expressed, scales, zeros, axes[0], least, most);
  } else {
    DenseFPElementsAttr constant;
    matchPattern(q.scales, m_Constant(&constant));
    ArrayRef<int64_t> shape = constant.getType().getShape();
    SmallVector<APFloat> expressedScales;
    SmallVector<APInt> storedZeros;
    for (auto [scale, zero] : llvm::zip_equal(scales, zeros)) {
      bool losesInfo;
      expressedScales.emplace_back(scale).convert(cast<FloatType>(expressed).getFloatSemantics(), APFloat::rmNearestTiesToEven, &losesInfo);
      storedZeros.emplace_back(width, static_cast<uint64_t>(zero), /*isSigned=*/false, /*implicitTrunc=*/true);
    }
    type = quant::UniformQuantizedSubChannelType::getChecked(
        emitError, flags, storage, expressed, DenseElementsAttr::get(RankedTensorType::get(shape, expressed), expressedScales),
        DenseElementsAttr::get(RankedTensorType::get(shape, storage), storedZeros), axes, sizes, least, most);
  }
  if (!type)
    return failure();
  return type;
}

struct ConvertLowbitToQuantPass final : impl::ConvertLowbitToQuantPassBase<ConvertLowbitToQuantPass> {
  void runOnOperation() override {
    SmallVector<Operation *> ops;
    getOperation()->walk([&](Operation *op) {
      if (isa_and_nonnull<LowbitDialect>(op->getDialect()))
        ops.push_back(op);
    });
    for (Operation *op : ops)
      if (failed(convert(op)))
        return signalPassFailure();
  }

private:
  static Value buildQuantizeCast(OpBuilder &builder, Location loc, Value real, quant::QuantizedType type) {
    return quant::QuantizeCastOp::create(builder, loc, cast<RankedTensorType>(real.getType()).clone(type), real);
  }

  static LogicalResult convert(Operation *op) {
    OpBuilder builder(op);
    Location loc = op->getLoc();
    Quantized q{op, {}, {}, {}, {}};
    auto read = [&](auto typed, Value real) {
      q.scheme = typed.getScheme();
      q.scales = typed.getScales();
      q.zeros = typed.getZeros();
      q.realType = cast<RankedTensorType>(real.getType());
    };
    if (auto quantize = dyn_cast<QuantizeOp>(op))
      read(quantize, quantize.getInput());
    else if (auto dequantize = dyn_cast<DequantizeOp>(op))
      read(dequantize, dequantize.getOutput());
    else if (auto fake = dyn_cast<FakeQuantOp>(op))
      read(fake, fake.getInput());
    else
      return op->emitError() << "`" << op->getName() << "` has no equivalent in `quant`; lower it first";
    FailureOr<quant::QuantizedType> type = buildType(q);
    if (failed(type))
      return failure();
    Value result, input = op->getOperand(0);
    if (isa<QuantizeOp>(op)) {
      result = quant::StorageCastOp::create(builder, loc, op->getResult(0).getType(), buildQuantizeCast(builder, loc, input, *type));
    } else {
      Value codes;
      if (isa<DequantizeOp>(op))
        codes = quant::StorageCastOp::create(builder, loc, cast<RankedTensorType>(input.getType()).clone(*type), input);
      else
        codes = buildQuantizeCast(builder, loc, input, *type);
      result = quant::DequantizeCastOp::create(builder, loc, op->getResult(0).getType(), codes);
    }
    op->getResult(0).replaceAllUsesWith(result);
    op->erase();
    return success();
  }
};

} // namespace
} // namespace mlir::lowbit
