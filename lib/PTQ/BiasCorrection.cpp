//===- BiasCorrection.cpp - the mean error goes into the bias -------------===//

#include "lowbit/PTQ/Algorithm.h"
#include "lowbit/PTQ/DampedMoments.h"
#include "lowbit/Transforms/Constants.h"
#include "lowbit/Transforms/Sites.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

namespace mlir::lowbit {
#define GEN_PASS_DEF_BIASCORRECTIONPASS
#include "lowbit/PTQ/Passes.h.inc"

namespace {

/// The operand of `user` that is a constant of one number for each index of `axis` of `result`, added to it; null when there is none.
OpOperand *findBias(linalg::GenericOp user, OpOperand &result, int64_t axis) {
  auto type = cast<RankedTensorType>(result.get().getType());
  BlockArgument element = user.getMatchingBlockArgument(&result);
  if (!element.hasOneUse() || user.getMatchingIndexingMap(&result).getNumResults() != type.getRank())
    return nullptr;
  auto add = dyn_cast<arith::AddFOp>(*element.user_begin());
  if (!add)
    return nullptr;
  Value other = add.getLhs() == element ? add.getRhs() : add.getLhs();
  auto argument = dyn_cast<BlockArgument>(other);
  if (!argument || argument.getOwner() != user.getBody() || argument.getArgNumber() >= user.getNumDpsInputs())
    return nullptr;
  OpOperand *bias = user.getDpsInputOperand(argument.getArgNumber());
  AffineMap map = user.getMatchingIndexingMap(bias);
  bool isAlongAxis = map.getNumResults() == 1 && map.getResult(0) == user.getMatchingIndexingMap(&result).getResult(axis);
  auto biasType = dyn_cast<RankedTensorType>(bias->get().getType());
  return isAlongAxis && biasType && biasType.getElementType().isF32() && getConstantElements(bias->get()) ? bias : nullptr;
}

struct BiasCorrectionPass final : AlgorithmPass<impl::BiasCorrectionPassBase<BiasCorrectionPass>> {
  using AlgorithmPass::AlgorithmPass;

  bool needsMoments() const override { return true; }

  LogicalResult improve(WeightSite &site) override {
    auto type = dyn_cast<RankedTensorType>(site.getOp()->getResult(0).getType());
    std::optional<int64_t> axis = site.getOutputAxis();
    if (!type || !axis || !type.getElementType().isF32())
      return reportUnchanged(site, "its outputs do not lie along one axis of an f32 result"), success();
    FailureOr<std::vector<float>> weight = site.readWeight(), reals = site.readRounded();
    FailureOr<SecondMoments> moments = readMoments(site);
    if (failed(weight) || failed(reals) || failed(moments))
      return failure();
    std::vector<float> shift = computeMeanShift(*moments, *weight, *reals);
    double before = 0;
    for (double each : shift)
      before += each * each;
    if (before == 0)
      return reportUnchanged(site, "its mean error is zero"), success();
    if (failed(add(site.getOp(), *axis, shift)))
      return failure();
    reportImprovement(site, "squared mean error", before, 0);
    return success();
  }

private:
  LogicalResult add(Operation *op, int64_t axis, std::vector<float> shift) {
    auto site = op->getAttrOfType<StringAttr>(kSiteAttr);
    Value result = op->getResult(0);
    // Behind the scale of the whole tensor, where the bias is.
    if (auto scale = result.hasOneUse() ? (*result.user_begin())->getAttrOfType<FloatAttr>(kTensorScaleAttr) : FloatAttr()) {
      op = *result.user_begin();
      result = op->getResult(0);
      for (float &each : shift)
        each *= static_cast<float>(scale.getValueAsDouble());
    }
    if (result.hasOneUse())
      if (auto user = dyn_cast<linalg::GenericOp>(*result.user_begin()))
        if (OpOperand *bias = findBias(user, *result.use_begin(), axis)) {
          FailureOr<std::vector<float>> old = readReals(op, getConstantElements(bias->get()));
          if (failed(old))
            return failure();
          for (auto [each, given] : llvm::zip_equal(shift, *old))
            each += given;
          OpBuilder builder(user);
          bias->set(buildBias(builder, op, shift, getResourceKey(getConstantElements(bias->get()), "bias")).getResult());
          return success();
        }
    insertAddition(op, site.getValue(), axis, shift);
    return success();
  }

  static arith::ConstantOp buildBias(OpBuilder &builder, Operation *op, ArrayRef<float> values, StringRef key) {
    auto type = RankedTensorType::get({static_cast<int64_t>(values.size())}, builder.getF32Type());
    ArrayRef<char> bytes(reinterpret_cast<const char *>(values.data()), values.size() * sizeof(float));
    return arith::ConstantOp::create(builder, op->getLoc(), type, cast<TypedAttr>(buildElements(type, bytes, (key + ".corrected").str())));
  }

  static void insertAddition(Operation *op, StringRef site, int64_t axis, ArrayRef<float> shift) {
    Value result = op->getResult(0);
    OpBuilder builder(op->getContext());
    builder.setInsertionPointAfter(op);
    Location loc = op->getLoc();
    arith::ConstantOp bias = buildBias(builder, op, shift, site);
    bias->setAttr(kAddedAttr, builder.getUnitAttr());
    auto type = cast<RankedTensorType>(result.getType());
    Value init = tensor::EmptyOp::create(builder, loc, tensor::getMixedSizes(builder, loc, result), type.getElementType());
    AffineMap identity = builder.getMultiDimIdentityMap(type.getRank());
    AffineMap along = AffineMap::get(type.getRank(), 0, builder.getAffineDimExpr(axis));
    SmallVector<utils::IteratorType> iterators(type.getRank(), utils::IteratorType::parallel);
    auto sum = linalg::GenericOp::create(
        builder, loc, type, ValueRange{result, bias.getResult()}, init, ArrayRef<AffineMap>{identity, along, identity}, iterators,
        [](OpBuilder &b, Location l, ValueRange arguments) {
          linalg::YieldOp::create(b, l, arith::AddFOp::create(b, l, arguments[0], arguments[1]).getResult());
        });
    result.replaceAllUsesExcept(sum.getResult(0), sum);
  }
};
} // namespace
} // namespace mlir::lowbit
