//===- FoldBatchNorm.cpp - factors of channels into the weights before them ===//
//
// Invariant: results are the same up to the rounding of floats, which happens once for each weight and each bias.
//
//===----------------------------------------------------------------------===//

#include "lowbit/ExternalModels/Register.h"
#include "lowbit/IR/Lowbit.h"
#include "lowbit/IR/Remarks.h"
#include "lowbit/Transforms/BatchNorm.h"
#include "lowbit/Transforms/ChannelFunctions.h"
#include "lowbit/Transforms/Constants.h"
#include "lowbit/Transforms/Passes.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Matchers.h"
#include "mlir/Transforms/RegionUtils.h"
#include <cmath>

namespace mlir::lowbit {
#define GEN_PASS_DEF_FOLDBATCHNORMPASS
#include "lowbit/Transforms/Passes.h.inc"

namespace {

/// A contraction with a constant weight, and the axis of channels that its weight and its result share.
struct Layer {
  linalg::LinalgOp op;
  OpOperand *weight;
  int64_t weightAxis;
  Channels channels;
};

/// Elementwise ops, each the only reader of the one before, that together are one affine function of each channel.
struct Chain {
  SmallVector<linalg::LinalgOp> ops;
  ChannelFunction function;
  /// Whether elements are multiplied.
  bool scales = false;
};

/// The weight of `op`, with each axis of it that is one of the result, too.
SmallVector<Layer> getLayers(QuantizableOpInterface op, std::string &reason) {
  auto linalgOp = dyn_cast<linalg::LinalgOp>(*op);
  std::string why;
  SmallVector<QuantizableOperand> operands = op.getQuantizableOperands(why);
  if (!linalgOp || operands.size() != 2 || op->getNumResults() != 1)
    return {};
  SmallVector<Layer> layers;
  AffineMap resultMap = linalgOp.getMatchingIndexingMap(linalgOp.getDpsInitOperand(0));
  auto resultType = cast<RankedTensorType>(op->getResult(0).getType());
  reason = "its weight is no constant of f32";
  for (const QuantizableOperand &operand : operands) {
    if (operand.role != OperandRole::Weight || !getConstantElements(operand.operand->get()) ||
        !getElementTypeOrSelf(operand.operand->get().getType()).isF32())
      continue;
    reason = "its channels are no axis of the weight and the result";
    AffineMap map = linalgOp.getMatchingIndexingMap(operand.operand);
    for (int64_t axis : operand.keptAxes)
      for (auto [index, expr] : llvm::enumerate(resultMap.getResults()))
        if (expr == map.getResult(axis) && resultType.getElementType().isF32())
          layers.push_back({linalgOp, operand.operand, axis, {static_cast<int64_t>(index), resultType.getDimSize(index)}});
  }
  return layers;
}

/// What follows `value`, as long as it is affine. Only the product of factors is looked at where it ends.
Chain findChain(Value value, Channels channels) {
  Chain chain;
  chain.function = ChannelFunction::getIdentity(channels.count);
  while (value.hasOneUse()) {
    OpOperand &use = *value.use_begin();
    auto op = dyn_cast<linalg::LinalgOp>(use.getOwner());
    if (!op || !op.isDpsInput(&use) || op->getNumResults() != 1 || op->getResult(0).getType() != value.getType())
      break;
    std::optional<ChannelFunction> next = getChannelFunction(op, &use, channels, chain.function);
    if (!next || next->isConstant())
      break;
    chain.scales |= next->factor != chain.function.factor;
    chain.function = std::move(*next);
    chain.ops.push_back(op);
    value = op->getResult(0);
  }
  return chain;
}

/// One factor for all channels is no business of a layer's, unless it normalizes.
bool isWorthFolding(const Chain &chain) { return chain.scales && (chain.function.hasRoot() || !llvm::all_equal(chain.function.factor)); }

/// f32 of the elements of a channel's vector; nothing where one does not fit.
std::optional<std::vector<float>> roundAll(ArrayRef<double> reals) {
  std::vector<float> rounded(reals.begin(), reals.end());
  if (!llvm::all_of(rounded, [](float each) { return std::isfinite(each); }))
    return std::nullopt;
  return rounded;
}

Value buildConstant(OpBuilder &builder, Location loc, RankedTensorType type, ArrayRef<float> reals, StringRef key) {
  ArrayRef<char> bytes(reinterpret_cast<const char *>(reals.data()), reals.size() * sizeof(float));
  return arith::ConstantOp::create(builder, loc, type, cast<TypedAttr>(buildElements(type, bytes, key)));
}

struct FoldBatchNormPass final : PassWithModels<impl::FoldBatchNormPassBase<FoldBatchNormPass>> {
  void runOnOperation() override {
    SmallVector<QuantizableOpInterface> ops;
    getOperation()->walk([&](QuantizableOpInterface op) {
      std::string why;
      if (op.getQuantizableOperands(why).size() == 2)
        ops.push_back(op);
    });
    for (QuantizableOpInterface op : ops)
      fold(op);
    // Constants that were folded, and ops that made others of them.
    IRRewriter rewriter(&getContext());
    (void)runRegionDCE(rewriter, getOperation()->getRegions());
    getOperation()->walk([&](linalg::LinalgOp op) { reportLeft(op); });
  }

private:
  /// Why a layer keeps what follows it.
  llvm::DenseMap<Operation *, std::string> reasons;

  void fold(QuantizableOpInterface op) {
    std::string reason;
    for (const Layer &layer : getLayers(op, reason)) {
      if (ShapedType::isDynamic(layer.channels.count))
        continue;
      if (!op->getResult(0).hasOneUse()) {
        reason = "the layer's result is read by others, too";
        break;
      }
      Chain chain = findChain(op->getResult(0), layer.channels);
      if (!isWorthFolding(chain))
        continue;
      reason = foldInto(layer, chain);
      if (reason.empty())
        return;
    }
    reasons[op] = reason;
  }

  /// What sums start from.
  static std::optional<ChannelFunction> getStart(Value init, Channels channels) {
    DenseFPElementsAttr constant;
    if (matchPattern(init, m_Constant(&constant)) && constant.isSplat())
      return ChannelFunction{{}, std::vector<double>(channels.count, constant.getSplatValue<FloatAttr>().getValueAsDouble())};
    auto start = init.getDefiningOp<linalg::LinalgOp>();
    return start ? getChannelFunction(start, nullptr, channels) : std::nullopt;
  }

  /// The reason why not, or nothing.
  static std::string foldInto(const Layer &layer, Chain &chain) {
    linalg::LinalgOp op = layer.op;
    std::optional<ChannelFunction> bias = getStart(op.getDpsInits()[0], layer.channels);
    if (!bias)
      return "the layer's sums start from something else than a constant of each channel";
    ElementsAttr elements = getConstantElements(layer.weight->get());
    FailureOr<std::vector<float>> weight = readReals(op, elements);
    if (failed(weight))
      return "its weight cannot be read";
    auto type = cast<RankedTensorType>(layer.weight->get().getType());
    int64_t inner = ShapedType::getNumElements(type.getShape().drop_front(layer.weightAxis + 1));
    std::vector<double> scaled(weight->begin(), weight->end());
    for (auto [index, real] : llvm::enumerate(scaled))
      real *= chain.function.factor[static_cast<int64_t>(index) / inner % layer.channels.count];
    std::vector<double> start = bias->offset;
    bool startsAtZero = llvm::all_of(bias->offset, [](double each) { return each == 0; });
    for (auto [c, offset] : llvm::enumerate(bias->offset))
      offset = chain.function.factor[c] * offset + chain.function.offset[c];
    std::optional<std::vector<float>> newWeight = roundAll(scaled), newBias = roundAll(bias->offset);
    if (!newWeight || !newBias)
      return "the folded weight or bias is not finite; variances are to be above -epsilon";

    recordStatistics(layer, chain.function, start);
    IRRewriter rewriter(op.getContext());
    rewriter.setInsertionPoint(op);
    std::string key = getResourceKey(elements, "constant").str();
    layer.weight->set(buildConstant(rewriter, layer.weight->get().getLoc(), type, *newWeight, key + ".folded"));
    if (!startsAtZero)
      op.getDpsInitsMutable()[0].set(buildZeros(rewriter, op));
    linalg::LinalgOp last = chain.ops.back();
    rewriter.setInsertionPoint(last);
    rewriter.replaceOp(last, addBias(rewriter, layer, *newBias));
    for (linalg::LinalgOp each : llvm::reverse(ArrayRef(chain.ops).drop_back()))
      if (each->use_empty())
        rewriter.eraseOp(each);
    return "";
  }

  /// What the norm had measured of the layer's sums, as they are with the folded weight, without bias.
  static void recordStatistics(const Layer &layer, const ChannelFunction &function, ArrayRef<double> start) {
    if (!function.hasRoot())
      return;
    std::vector<float> mean, variance;
    for (auto [factor, center, rooted, bias] : llvm::zip_equal(function.factor, function.center, function.rooted, start)) {
      mean.push_back(static_cast<float>(factor * (center - bias)));
      variance.push_back(static_cast<float>(factor * factor * rooted));
      // Without a deviation there is nothing to normalize by; the layer stays folded in training, too.
      if (!std::isfinite(mean.back()) || !std::isnormal(variance.back()))
        return;
    }
    linalg::LinalgOp op = layer.op;
    Builder b(op.getContext());
    op->setAttr(kBatchNormAttr, b.getDictionaryAttr({b.getNamedAttr("axis", b.getI64IntegerAttr(layer.channels.axis)),
                                                     b.getNamedAttr("mean", b.getDenseF32ArrayAttr(mean)),
                                                     b.getNamedAttr("variance", b.getDenseF32ArrayAttr(variance)),
                                                     b.getNamedAttr("weight_axis", b.getI64IntegerAttr(layer.weightAxis))}));
  }

  static Value buildZeros(OpBuilder &builder, linalg::LinalgOp op) {
    Location loc = op.getLoc();
    Value init = op.getDpsInits()[0];
    Value empty = tensor::EmptyOp::create(builder, loc, tensor::getMixedSizes(builder, loc, init), builder.getF32Type());
    Value zero = arith::ConstantOp::create(builder, loc, builder.getF32FloatAttr(0));
    return linalg::FillOp::create(builder, loc, zero, empty).getResult(0);
  }

  /// The layer's result and a bias of channels, even one of zeros, which training may change; with the layer's location, which names it.
  static Value addBias(OpBuilder &builder, const Layer &layer, ArrayRef<float> bias) {
    linalg::LinalgOp op = layer.op;
    Value sums = op->getResult(0);
    Location loc = op.getLoc();
    auto type = cast<RankedTensorType>(sums.getType());
    Value constant = buildConstant(builder, loc, RankedTensorType::get({layer.channels.count}, type.getElementType()), bias, "bias.folded");
    Value empty = tensor::EmptyOp::create(builder, loc, tensor::getMixedSizes(builder, loc, sums), type.getElementType());
    AffineMap all = builder.getMultiDimIdentityMap(type.getRank());
    AffineMap channel = all.getSubMap({static_cast<unsigned>(layer.channels.axis)});
    SmallVector<utils::IteratorType> loops(type.getRank(), utils::IteratorType::parallel);
    auto body = [](OpBuilder &nested, Location at, ValueRange args) {
      Value sum = arith::AddFOp::create(nested, at, args[0], args[1]);
      linalg::YieldOp::create(nested, at, sum);
    };
    return linalg::GenericOp::create(builder, loc, type, ValueRange{sums, constant}, empty, {all, channel, all}, loops, body).getResult(0);
  }

  /// Says where the reciprocal of a constant root still multiplies an activation.
  void reportLeft(linalg::LinalgOp op) {
    for (OpOperand *input : op.getDpsInputOperands()) {
      auto type = dyn_cast<RankedTensorType>(input->get().getType());
      if (!type || getConstantElements(input->get()))
        continue;
      for (auto [axis, size] : llvm::enumerate(type.getShape())) {
        if (ShapedType::isDynamic(size))
          continue;
        std::optional<ChannelFunction> function =
            getChannelFunction(op, input, {static_cast<int64_t>(axis), size}, ChannelFunction::getIdentity(size));
        if (function && !function->isConstant() && function->hasRoot())
          return report(op, input->get());
      }
    }
  }

  void report(linalg::LinalgOp op, Value input) {
    std::string reason = "it follows no linear layer or convolution";
    for (Operation *producer = input.getDefiningOp(); producer;) {
      if (auto found = reasons.find(producer); found != reasons.end()) {
        reason = found->second;
        break;
      }
      auto step = dyn_cast<linalg::LinalgOp>(producer);
      if (!step || step.getNumReductionLoops() != 0 || step.getNumDpsInputs() == 0)
        break;
      producer = step.getDpsInputs()[0].getDefiningOp();
    }
    remark::missed(op.getLoc(), getRemarkOptions("batch-norm-left", op))
        << remark::add("batch norm stays") << remark::reason("{0}", reason);
  }
};
} // namespace
} // namespace mlir::lowbit
