//===- ChannelFunctions.cpp - affine functions of channels, known now -----===//
//
// Law: a function that is given is what the ops compute, without their rounding of floats; where in doubt, there is none.
//
//===----------------------------------------------------------------------===//

#include "lowbit/Transforms/ChannelFunctions.h"
#include "lowbit/Transforms/Constants.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Matchers.h"
#include "llvm/ADT/TypeSwitch.h"
#include <cmath>

namespace mlir::lowbit {

bool ChannelFunction::isFinite() const {
  auto finite = [](double each) { return std::isfinite(each); };
  return llvm::all_of(factor, finite) && llvm::all_of(offset, finite);
}

ChannelFunction ChannelFunction::getIdentity(int64_t count) { return {std::vector<double>(count, 1), std::vector<double>(count)}; }

namespace {

using Function = std::optional<ChannelFunction>;

/// Applies `f` to each constant.
template <typename F> Function mapConstants(const ChannelFunction &x, F f) {
  if (!x.isConstant())
    return std::nullopt;
  ChannelFunction result = x;
  for (double &each : result.offset)
    each = f(each);
  return result;
}

Function add(const ChannelFunction &x, const ChannelFunction &y, double sign) {
  ChannelFunction result = x;
  // A root that is only added to `x` does not multiply it.
  const ChannelFunction &from = x.isConstant() == y.isConstant() ? (x.hasRoot() ? x : y) : x.isConstant() ? y : x;
  result.rooted = from.rooted;
  result.center = from.center;
  result.factor.resize(y.isConstant() ? x.factor.size() : y.factor.size());
  for (size_t c = 0; c < y.factor.size(); ++c)
    result.factor[c] += sign * y.factor[c];
  for (size_t c = 0; c < y.offset.size(); ++c)
    result.offset[c] += sign * y.offset[c];
  return result;
}

Function multiply(const ChannelFunction &x, const ChannelFunction &y) {
  if (!x.isConstant() && !y.isConstant())
    return std::nullopt;
  ChannelFunction result = x.isConstant() ? y : x;
  ArrayRef<double> by = x.isConstant() ? x.offset : y.offset;
  const ChannelFunction &constant = x.isConstant() ? x : y;
  if (!result.hasRoot() && constant.hasRoot()) {
    result.rooted = constant.rooted;
    for (size_t c = 0; c < result.factor.size(); ++c) { // in terms of x
      result.center.push_back(-result.offset[c] / result.factor[c]);
      result.rooted[c] /= result.factor[c] * result.factor[c];
    }
  }
  for (size_t c = 0; c < by.size(); ++c) {
    result.offset[c] *= by[c];
    if (!result.isConstant())
      result.factor[c] *= by[c];
  }
  return result;
}

/// What scalar code makes of constants and of one affine function.
class BodyEvaluator {
public:
  explicit BodyEvaluator(int64_t count) : count(count) {}

  Function lookup(Value value) const {
    if (auto found = functions.find(value); found != functions.end())
      return found->second;
    FloatAttr constant;
    if (!matchPattern(value, m_Constant(&constant)))
      return std::nullopt;
    return ChannelFunction{{}, std::vector<double>(count, constant.getValueAsDouble())};
  }
  void set(Value value, Function function) { functions[value] = std::move(function); }

  void evaluate(Operation &op) {
    if (op.getNumResults() != 1)
      return;
    SmallVector<ChannelFunction, 2> inputs;
    for (Value operand : op.getOperands()) {
      Function input = lookup(operand);
      if (!input)
        return set(op.getResult(0), std::nullopt);
      inputs.push_back(std::move(*input));
    }
    set(op.getResult(0), compute(op, inputs));
  }

private:
  static Function root(const ChannelFunction &x, bool reciprocal) {
    Function result = mapConstants(x, [&](double each) { return reciprocal ? 1 / std::sqrt(each) : std::sqrt(each); });
    if (result)
      result->rooted = x.offset;
    return result;
  }

  static Function compute(Operation &op, ArrayRef<ChannelFunction> x) {
    auto inverse = [](double each) { return 1 / each; };
    return llvm::TypeSwitch<Operation *, Function>(&op)
        .Case([&](arith::AddFOp) { return add(x[0], x[1], 1); })
        .Case([&](arith::SubFOp) { return add(x[0], x[1], -1); })
        .Case([&](arith::MulFOp) { return multiply(x[0], x[1]); })
        .Case([&](arith::DivFOp) -> Function {
          Function by = mapConstants(x[1], inverse);
          return by ? multiply(x[0], *by) : std::nullopt;
        })
        .Case([&](arith::NegFOp) { return add(ChannelFunction{{}, std::vector<double>(x[0].offset.size())}, x[0], -1); })
        .Case([&](math::SqrtOp) { return root(x[0], false); })
        .Case([&](math::RsqrtOp) { return root(x[0], true); })
        .Case<arith::ExtFOp, arith::TruncFOp>([&](auto) { return mapConstants(x[0], [](double each) { return each; }); })
        .Default([](Operation *) { return std::nullopt; });
  }

  int64_t count;
  llvm::DenseMap<Value, Function> functions;
};

/// The constant that `value`, a tensor of as many elements as there are channels or of one, holds for each of them.
Function getConstant(Value value, int64_t count) {
  auto type = dyn_cast<ShapedType>(value.getType());
  if (!type)
    return BodyEvaluator(count).lookup(value);
  if (!type.hasStaticShape() || !isa<FloatType>(type.getElementType()) || (type.getNumElements() != count && type.getNumElements() != 1))
    return std::nullopt;
  if (ElementsAttr elements = getConstantElements(value)) {
    FailureOr<std::vector<float>> reals = readReals(value.getDefiningOp(), elements);
    if (failed(reals))
      return std::nullopt;
    ChannelFunction result{{}, std::vector<double>(reals->begin(), reals->end())};
    result.offset.resize(count, result.offset.front());
    return result;
  }
  Operation *producer = value.getDefiningOp();
  if (isa_and_nonnull<tensor::ExpandShapeOp, tensor::CollapseShapeOp>(producer))
    return getConstant(producer->getOperand(0), count); // the order of elements is the same
  auto op = dyn_cast_or_null<linalg::LinalgOp>(producer);
  if (!op)
    return std::nullopt;
  int64_t axis = 0;
  for (auto [index, size] : llvm::enumerate(type.getShape()))
    if (size != 1)
      axis = index;
  return type.getRank() == 0 ? std::nullopt : getChannelFunction(op, nullptr, {axis, type.getDimSize(axis) == 1 ? 1 : count});
}

/// Whether the element that `map` reads of a tensor of `shape` is that of the channel that loop `channel` counts, or the only one.
bool readsChannel(AffineMap map, ArrayRef<int64_t> shape, unsigned channel) {
  for (auto [expr, size] : llvm::zip_equal(map.getResults(), shape)) {
    auto loop = dyn_cast<AffineDimExpr>(expr);
    if (size != 1 && !(loop && loop.getPosition() == channel))
      return false;
  }
  return true;
}
} // namespace

std::optional<ChannelFunction> getChannelFunction(linalg::LinalgOp op, OpOperand *argument, Channels channels,
                                                  const ChannelFunction &start) {
  if (!op.hasPureTensorSemantics() || op.getNumDpsInits() != 1 || op.getNumParallelLoops() != op.getNumLoops() || op.hasIndexSemantics() ||
      op->getNumRegions() != 1 || !op.getBlock())
    return std::nullopt;
  AffineMap resultMap = op.getMatchingIndexingMap(op.getDpsInitOperand(0));
  if (!resultMap.isPermutation())
    return std::nullopt;
  unsigned channel = resultMap.getDimPosition(channels.axis);
  BodyEvaluator body(channels.count);
  for (OpOperand *input : op.getDpsInputOperands()) {
    BlockArgument element = op.getMatchingBlockArgument(input);
    AffineMap map = op.getMatchingIndexingMap(input);
    if (argument && input->get() == argument->get()) {
      if (map != resultMap)
        return std::nullopt;
      body.set(element, start);
      continue;
    }
    auto type = dyn_cast<ShapedType>(input->get().getType());
    if (type && !readsChannel(map, type.getShape(), channel))
      return std::nullopt;
    std::optional<ChannelFunction> constant = getConstant(input->get(), channels.count);
    if (constant && constant->offset.size() == 1) {
      constant->offset.resize(channels.count, constant->offset.front());
      if (constant->hasRoot())
        constant->rooted.resize(channels.count, constant->rooted.front());
    }
    body.set(element, std::move(constant));
  }
  for (Operation &inner : op.getBlock()->without_terminator())
    body.evaluate(inner);
  return body.lookup(op.getBlock()->getTerminator()->getOperand(0));
}

} // namespace mlir::lowbit
