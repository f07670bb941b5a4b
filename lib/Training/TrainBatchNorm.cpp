//===- TrainBatchNorm.cpp - statistics of batches in training -------------===//
// Law: frozen, the function gives what the model with the derived weights gives, up to the rounding of floats.

#include "lowbit/Conversion/BlockView.h"
#include "lowbit/IR/Lowbit.h"
#include "lowbit/Losses/Build.h"
#include "lowbit/Training/Parameters.h"
#include "lowbit/Training/Passes.h"
#include "lowbit/Transforms/BatchNorm.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

namespace mlir::lowbit {
#define GEN_PASS_DEF_TRAINBATCHNORMPASS
#include "lowbit/Training/Passes.h.inc"

namespace {
constexpr StringLiteral kDerived = "derived", kFrozen = "frozen";
/// Smaller ratios would leave nothing of a weight.
constexpr double kSmallestRatio = 1.0 / (1 << 20);

/// A layer that was normalized, and what training changes of it.
struct Layer {
  linalg::LinalgOp op, bias;
  OpOperand *weightUse; ///< Where the weight is read: by the layer, or by what rounds it.
  BlockArgument weight, beta;
  std::string site;
  int64_t axis, weightAxis;
  DenseF32ArrayAttr mean, variance;
  BlockArgument gamma = {}, runningMean = {}, runningVariance = {};

  RankedTensorType getStatisticsType() const { return RankedTensorType::get({mean.size()}, Float32Type::get(mean.getContext())); }
};

Value buildReal(OpBuilder &b, Location loc, double value) {
  return arith::ConstantOp::create(b, loc, b.getF32FloatAttr(static_cast<float>(value)));
}

/// A tensor and vectors of its channels, which lie along `axis`, as operands of a loop over its elements.
struct ChannelOperands {
  SmallVector<Value> inputs;
  SmallVector<AffineMap> maps;
  AffineMap all, channel;

  ChannelOperands(Builder &b, Value full, ValueRange vectors, int64_t axis)
      : inputs{full}, all(b.getMultiDimIdentityMap(cast<RankedTensorType>(full.getType()).getRank())),
        channel(all.getSubMap({static_cast<unsigned>(axis)})) {
    maps.push_back(all);
    llvm::append_range(inputs, vectors);
    maps.append(vectors.size(), channel);
  }
};

/// `element` of `full` and of vectors of its channels.
Value buildForChannels(OpBuilder &b, Location loc, Value full, ValueRange vectors, int64_t axis, ElementFn element) {
  ChannelOperands operands(b, full, vectors, axis);
  operands.maps.push_back(operands.all);
  return buildGeneric(b, loc, operands.inputs, buildEmptyLike(b, loc, full, b.getF32Type()), operands.maps,
                      [&](OpBuilder &nested, Location at, ValueRange args) { return element(nested, at, args.drop_back()); });
}

/// The mean over all axes but that of channels of `element`.
Value buildMeanOfChannels(OpBuilder &b, Location loc, Value full, ValueRange vectors, int64_t axis, ElementFn element) {
  auto type = cast<RankedTensorType>(full.getType());
  ChannelOperands operands(b, full, vectors, axis);
  operands.maps.push_back(operands.channel);
  Value sum = buildGeneric(b, loc, operands.inputs, buildZeros(b, loc, type.getDimSize(axis)), operands.maps,
                           [&](OpBuilder &nested, Location at, ValueRange args) -> Value {
                             return arith::AddFOp::create(nested, at, args.back(), element(nested, at, args.drop_back()));
                           });
  double share = static_cast<double>(type.getDimSize(axis)) / static_cast<double>(type.getNumElements());
  return buildMap(b, loc, sum, [&](OpBuilder &nested, Location at, ValueRange args) -> Value {
    return arith::MulFOp::create(nested, at, args[0], buildReal(nested, at, share));
  });
}

/// gamma / sqrt(variance), kept away from zero.
Value buildRatio(OpBuilder &b, Location loc, Value gamma, Value variance) {
  return buildMap(b, loc, {gamma, variance}, [](OpBuilder &nested, Location at, ValueRange args) -> Value {
    Value ratio = arith::MulFOp::create(nested, at, args[0], math::RsqrtOp::create(nested, at, args[1]));
    Value smallest = buildReal(nested, at, kSmallestRatio), square = arith::MulFOp::create(nested, at, ratio, ratio);
    Value isSmall =
        arith::CmpFOp::create(nested, at, arith::CmpFPredicate::OLT, square, buildReal(nested, at, kSmallestRatio * kSmallestRatio));
    return arith::SelectOp::create(nested, at, isSmall, smallest, ratio);
  });
}

Value buildProduct(OpBuilder &b, Location loc, Value full, Value vector, int64_t axis) {
  return buildForChannels(b, loc, full, vector, axis, [](OpBuilder &nested, Location at, ValueRange args) -> Value {
    return arith::MulFOp::create(nested, at, args[0], args[1]);
  });
}

/// beta - mean * ratio.
Value buildShifted(OpBuilder &b, Location loc, Value beta, Value mean, Value ratio) {
  return buildMap(b, loc, {beta, mean, ratio}, [](OpBuilder &nested, Location at, ValueRange args) -> Value {
    return arith::SubFOp::create(nested, at, args[0], arith::MulFOp::create(nested, at, args[1], args[2]));
  });
}

struct TrainBatchNormPass final : impl::TrainBatchNormPassBase<TrainBatchNormPass> {
  using TrainBatchNormPassBase::TrainBatchNormPassBase;

  void runOnOperation() override {
    if (failed(train()))
      signalPassFailure();
  }

private:
  LogicalResult train() {
    func::FuncOp model = findFunction(getOperation(), function);
    if (!model)
      return failure();
    if (!(momentum > 0 && momentum <= 1) || !(epsilon >= 0))
      return model.emitError() << "`momentum` is " << momentum << " and `epsilon` " << epsilon
                               << "; expected a momentum above 0 and at most 1, and an epsilon of at least 0";
    SmallVector<Layer, 0> layers;
    for (auto op : model.getBody().front().getOps<linalg::LinalgOp>())
      if (std::optional<Layer> layer = getLayer(model, op))
        layers.push_back(std::move(*layer));
    if (layers.empty())
      return success();
    auto initial = getOperation().lookupSymbol<func::FuncOp>("initial");
    if (!initial)
      return model.emitError("the module has no function `initial`; expected what `lowbit-extract-parameters` makes");
    if (getOperation().lookupSymbol(kDerived))
      return model.emitError() << "the module has `" << kDerived << "` already; expected that name to be free: "
                               << "`lowbit-parametrize-weights` runs behind this pass";
    FailureOr<BlockArgument> frozen = addArguments(model, layers);
    if (failed(frozen))
      return failure();
    addDerived(model, layers);
    for (Layer &layer : layers)
      if (failed(addInitial(initial, layer)) || failed(normalize(model, layer, *frozen)))
        return failure();
    return success();
  }

  static BlockArgument getParameter(func::FuncOp model, Value value) {
    auto argument = dyn_cast<BlockArgument>(value);
    return argument && model.getArgAttr(argument.getArgNumber(), kParameterAttr) && argument.hasOneUse() ? argument : BlockArgument();
  }

  /// Nothing where the layer stays folded.
  static std::optional<Layer> getLayer(func::FuncOp model, linalg::LinalgOp op) {
    auto attr = op->getAttrOfType<DictionaryAttr>(kBatchNormAttr);
    auto site = op->getAttrOfType<StringAttr>(kSiteAttr);
    if (!attr || !site || !op->hasOneUse())
      return std::nullopt;
    auto mean = attr.getAs<DenseF32ArrayAttr>("mean"), variance = attr.getAs<DenseF32ArrayAttr>("variance");
    auto axis = attr.getAs<IntegerAttr>("axis"), weightAxis = attr.getAs<IntegerAttr>("weight_axis");
    auto bias = dyn_cast<linalg::LinalgOp>(*op->user_begin());
    auto type = dyn_cast<RankedTensorType>(op->getResult(0).getType());
    if (!mean || !variance || !axis || !weightAxis || !bias || bias.getNumDpsInputs() != 2 || !type || !type.hasStaticShape() ||
        axis.getInt() >= type.getRank() || type.getDimSize(axis.getInt()) != mean.size() || mean.size() != variance.size())
      return std::nullopt;
    if (!isa<arith::AddFOp>(bias.getBlock()->front()) || bias.getBlock()->getOperations().size() != 2)
      return std::nullopt;
    BlockArgument beta = getParameter(model, bias.getDpsInputs()[1]);
    for (OpOperand *input : op.getDpsInputOperands()) {
      auto rounded = input->get().getDefiningOp<FakeQuantOp>();
      OpOperand *use = rounded ? &rounded.getInputMutable() : input;
      BlockArgument weight = getParameter(model, use->get());
      if (weight && beta)
        return Layer{op, bias, use, weight, beta, site.str(), axis.getInt(), weightAxis.getInt(), mean, variance};
    }
    return std::nullopt;
  }

  /// Parameters go behind those that are there, `frozen` behind all.
  FailureOr<BlockArgument> addArguments(func::FuncOp model, MutableArrayRef<Layer> layers) {
    Builder b(&getContext());
    Location loc = model.getLoc();
    unsigned index = 0;
    while (index < model.getNumArguments() && model.getArgAttr(index, kParameterAttr))
      ++index;
    auto add = [&](const Twine &name, Type type, bool isParameter) -> FailureOr<BlockArgument> {
      for (unsigned i = 0; i < model.getNumArguments(); ++i)
        if (getPortName(model, i) == name.str())
          return model.emitError() << "`" << function << "` has an argument `" << name << "` already; expected that name to be free";
      SmallVector<NamedAttribute> attrs{b.getNamedAttr(kNameAttr, b.getStringAttr(name))};
      if (isParameter)
        attrs.push_back(b.getNamedAttr(kParameterAttr, b.getStringAttr(kOther)));
      if (failed(model.insertArgument(index, type, b.getDictionaryAttr(attrs), loc)))
        return failure();
      return model.getArgument(index++);
    };
    for (Layer &layer : layers) {
      std::pair<StringRef, BlockArgument *> added[] = {
          {"gamma", &layer.gamma}, {"mean", &layer.runningMean}, {"variance", &layer.runningVariance}};
      for (auto [name, argument] : added) {
        FailureOr<BlockArgument> made = add(layer.site + "." + name, layer.getStatisticsType(), name == "gamma");
        if (failed(made))
          return failure();
        *argument = *made;
      }
    }
    index = model.getNumArguments();
    return add(kFrozen, RankedTensorType::get({}, b.getF32Type()), false);
  }

  LogicalResult normalize(func::FuncOp model, Layer &layer, Value frozen) {
    OpBuilder b(layer.weightUse->getOwner());
    Location loc = layer.op.getLoc();
    Value ratio = buildRatio(b, loc, layer.gamma, layer.runningVariance);
    layer.weightUse->set(buildProduct(b, loc, layer.weight, ratio, layer.weightAxis));
    // What rounds the weight is known by its operand no more.
    if (isa<FakeQuantOp>(layer.weightUse->getOwner()))
      layer.weightUse->getOwner()->setAttr(kNameAttr, b.getStringAttr(getPortName(model, layer.weight.getArgNumber())));
    b.setInsertionPointAfter(layer.op);
    Value sums =
        buildForChannels(b, loc, layer.op->getResult(0), ratio, layer.axis, [](OpBuilder &nested, Location at, ValueRange args) -> Value {
          return arith::DivFOp::create(nested, at, args[0], args[1]);
        });
    Value mean = buildMeanOfChannels(b, loc, sums, {}, layer.axis, [](OpBuilder &, Location, ValueRange args) { return args[0]; });
    Value variance = buildMeanOfChannels(b, loc, sums, mean, layer.axis, [](OpBuilder &nested, Location at, ValueRange args) -> Value {
      Value centered = arith::SubFOp::create(nested, at, args[0], args[1]);
      return arith::MulFOp::create(nested, at, centered, centered);
    });
    variance = buildMap(b, loc, variance, [&](OpBuilder &nested, Location at, ValueRange args) -> Value {
      return arith::AddFOp::create(nested, at, args[0], buildReal(nested, at, epsilon));
    });
    Value flag = spread(b, loc, frozen, layer.getStatisticsType());
    Value usedMean = choose(b, loc, flag, layer.runningMean, mean), usedVariance = choose(b, loc, flag, layer.runningVariance, variance);
    Value result = buildForChannels(b, loc, sums, {usedMean, usedVariance, layer.gamma, layer.beta}, layer.axis,
                                    [](OpBuilder &nested, Location at, ValueRange args) -> Value {
                                      Value value = arith::SubFOp::create(nested, at, args[0], args[1]);
                                      value = arith::MulFOp::create(nested, at, value, math::RsqrtOp::create(nested, at, args[2]));
                                      value = arith::MulFOp::create(nested, at, value, args[3]);
                                      return arith::AddFOp::create(nested, at, value, args[4]);
                                    });
    layer.op->removeAttr(kBatchNormAttr);
    layer.bias->getResult(0).replaceAllUsesWith(result);
    if (failed(addUpdate(model, b, loc, layer.runningMean, mean, flag)) ||
        failed(addUpdate(model, b, loc, layer.runningVariance, variance, flag)))
      return failure();
    layer.bias->erase(); // what was built stands before it
    return success();
  }

  static Value spread(OpBuilder &b, Location loc, Value scalar, RankedTensorType type) {
    Value empty = tensor::EmptyOp::create(b, loc, type.getShape(), type.getElementType());
    return linalg::BroadcastOp::create(b, loc, scalar, empty, ArrayRef<int64_t>{0})->getResult(0);
  }

  static Value isFrozen(OpBuilder &b, Location loc, Value flag) {
    return arith::CmpFOp::create(b, loc, arith::CmpFPredicate::OGT, flag, buildReal(b, loc, 0.5));
  }

  static Value choose(OpBuilder &b, Location loc, Value flag, Value running, Value batch) {
    return buildMap(b, loc, {flag, running, batch}, [](OpBuilder &nested, Location at, ValueRange args) -> Value {
      return arith::SelectOp::create(nested, at, isFrozen(nested, at, args[0]), args[1], args[2]);
    });
  }

  LogicalResult addUpdate(func::FuncOp model, OpBuilder &b, Location loc, BlockArgument running, Value batch, Value flag) {
    Value next = buildMap(b, loc, {flag, running, batch}, [&](OpBuilder &nested, Location at, ValueRange args) -> Value {
      Value change = arith::SubFOp::create(nested, at, args[2], args[1]);
      change = arith::MulFOp::create(nested, at, change, buildReal(nested, at, momentum));
      Value moved = arith::AddFOp::create(nested, at, args[1], change);
      return arith::SelectOp::create(nested, at, isFrozen(nested, at, args[0]), args[1], moved);
    });
    next.getDefiningOp()->setAttr(kDetachedAttr, b.getUnitAttr());
    return appendResult(model, next, getPortName(model, running.getArgNumber()), /*updates=*/true);
  }

  /// The function that gives weights and biases as they are deployed.
  void addDerived(func::FuncOp model, ArrayRef<Layer> layers) {
    OpBuilder b(model);
    Location loc = model.getLoc();
    SmallVector<Type> inputs, outputs;
    SmallVector<std::string> names;
    for (const Layer &layer : layers)
      for (BlockArgument argument : {layer.weight, layer.beta, layer.gamma, layer.runningMean, layer.runningVariance}) {
        inputs.push_back(argument.getType());
        names.push_back(getPortName(model, argument.getArgNumber()));
        if (argument == layer.weight || argument == layer.beta)
          outputs.push_back(argument.getType());
      }
    auto derived = func::FuncOp::create(b, loc, kDerived, b.getFunctionType(inputs, outputs));
    Block *block = derived.addEntryBlock();
    b.setInsertionPointToStart(block);
    SmallVector<Value> values;
    auto getAttrs = [&](unsigned i) { return b.getDictionaryAttr(b.getNamedAttr(kNameAttr, b.getStringAttr(names[i]))); };
    for (unsigned i = 0; i < names.size(); ++i)
      derived.setArgAttrs(i, getAttrs(i));
    for (auto [i, layer] : llvm::enumerate(layers)) {
      unsigned first = 5 * i;
      Value ratio = buildRatio(b, loc, block->getArgument(first + 2), block->getArgument(first + 4));
      values.push_back(buildProduct(b, loc, block->getArgument(first), ratio, layer.weightAxis));
      values.push_back(buildShifted(b, loc, block->getArgument(first + 1), block->getArgument(first + 3), ratio));
      derived.setResultAttrs(2 * i, getAttrs(first));
      derived.setResultAttrs(2 * i + 1, getAttrs(first + 1));
    }
    func::ReturnOp::create(b, loc, values);
  }

  /// Values with which the ratio is one, and the bias what it was.
  LogicalResult addInitial(func::FuncOp initial, const Layer &layer) {
    Operation *terminator = initial.getBody().front().getTerminator();
    OpBuilder b(terminator);
    Location loc = initial.getLoc();
    RankedTensorType type = layer.getStatisticsType();
    Value mean = arith::ConstantOp::create(b, loc, type, DenseElementsAttr::get(type, layer.mean.asArrayRef()));
    Value variance = arith::ConstantOp::create(b, loc, type, DenseElementsAttr::get(type, layer.variance.asArrayRef()));
    Value gamma = buildMap(b, loc, variance, [](OpBuilder &nested, Location at, ValueRange args) -> Value {
      return math::SqrtOp::create(nested, at, args[0]);
    });
    auto model = cast<func::FuncOp>(layer.op->getParentOp());
    std::string bias = getPortName(model, layer.beta.getArgNumber());
    for (unsigned i = 0, e = initial.getNumResults(); i != e; ++i)
      if (auto name = initial.getResultAttrOfType<StringAttr>(i, kNameAttr); name && name.getValue() == bias) {
        Value beta = buildMap(b, loc, {terminator->getOperand(i), mean}, [](OpBuilder &nested, Location at, ValueRange args) -> Value {
          return arith::AddFOp::create(nested, at, args[0], args[1]);
        });
        terminator->setOperand(i, beta);
      }
    std::pair<StringRef, Value> added[] = {{"gamma", gamma}, {"mean", mean}, {"variance", variance}};
    for (auto [name, value] : added)
      if (failed(appendResult(initial, value, (layer.site + "." + name).str())))
        return failure();
    return success();
  }
};
} // namespace
} // namespace mlir::lowbit
