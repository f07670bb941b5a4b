//===- SwitchSites.cpp - each site in codes or in float, at run time ------===//
//
// Law: with every switch at 0 the function computes what the float model does; a switch changes its own site alone.
//
//===----------------------------------------------------------------------===//

#include "lowbit/PTQ/Algorithm.h"
#include "lowbit/PTQ/DampedMoments.h"
#include "lowbit/Precision/Passes.h"
#include "lowbit/Transforms/Sites.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

namespace mlir::lowbit {
#define GEN_PASS_DEF_SWITCHSITESPASS
#include "lowbit/Precision/Passes.h.inc"

namespace {

struct SwitchSitesPass final : PassWithModels<impl::SwitchSitesPassBase<SwitchSitesPass>>, Algorithm {
  using PassWithModels::PassWithModels;

  bool needsMoments() const override { return true; } // only sites that meet an activation are switched
  void setInputs(StringRef pattern, StringRef statisticsPath) override {
    sites = pattern.str();
    stats = statisticsPath.str();
  }
  StringRef getAlgorithmName() const override { return "switch-sites"; }

  void runOnOperation() override {
    if (failed(runOnSites(getOperation(), sites, stats)))
      signalPassFailure();
  }

private:
  LogicalResult improve(WeightSite &site) override {
    Operation *op = site.getOp();
    auto function = dyn_cast<func::FuncOp>(op->getParentOp());
    if (!function || !function.isPublic())
      return op->emitOpError() << "site `" << site.getName() << "` is not in the body of a public function, so no caller can switch it";
    FailureOr<std::vector<float>> weight = site.readWeight(), rounded = site.readRounded();
    if (failed(weight) || failed(rounded))
      return failure();
    FailureOr<Value> flag = addSwitch(function, site);
    if (failed(flag))
      return failure();
    OpBuilder builder(op);
    Location loc = op->getLoc();
    Value codes = site.buildFloats(*rounded, ".on"), floats = site.buildFloats(*weight, ".off");
    site.replaceWeight(arith::SelectOp::create(builder, loc, *flag, codes, floats));
    OpOperand &activation = *site.getActivation();
    if (auto dequantize = activation.get().getDefiningOp<DequantizeOp>())
      if (auto quantize = dequantize.getCodes().getDefiningOp<QuantizeOp>())
        activation.set(arith::SelectOp::create(builder, loc, *flag, dequantize.getResult(), quantize.getInput()));
    return correct ? addShift(site, *flag, *weight, *rounded) : success();
  }

  /// Whether the site is on, known at the start of `function`.
  static FailureOr<Value> addSwitch(func::FuncOp function, WeightSite &site) {
    Builder attributes(function.getContext());
    Location loc = site.getOp()->getLoc();
    auto type = RankedTensorType::get({1}, attributes.getI32Type());
    NamedAttribute name = attributes.getNamedAttr(kNameAttr, attributes.getStringAttr("switch:" + site.getName()));
    unsigned index = function.getNumArguments();
    if (failed(function.insertArgument(index, type, attributes.getDictionaryAttr(name), loc)))
      return failure();
    OpBuilder builder = OpBuilder::atBlockBegin(&function.getBody().front());
    Value first = arith::ConstantIndexOp::create(builder, loc, 0);
    Value zero = arith::ConstantOp::create(builder, loc, builder.getI32IntegerAttr(0));
    Value on = tensor::ExtractOp::create(builder, loc, function.getArgument(index), first);
    return arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::ne, on, zero).getResult();
  }

  /// As `bias-correction` does, where it does: the outputs lie along the last axis.
  LogicalResult addShift(WeightSite &site, Value flag, ArrayRef<float> weight, ArrayRef<float> rounded) {
    Operation *op = site.getOp();
    auto type = dyn_cast<RankedTensorType>(op->getResult(0).getType());
    if (!type || type.getRank() == 0 || type.getShape().back() != site.getNumOutputs() || !type.getElementType().isF32())
      return success();
    FailureOr<SecondMoments> moments = readMoments(site);
    if (failed(moments))
      return failure();
    std::vector<float> shift = computeMeanShift(*moments, weight, rounded), zeros(shift.size(), 0.0f);
    OpBuilder builder(op);
    builder.setInsertionPointAfter(op);
    Location loc = op->getLoc();
    auto build = [&](ArrayRef<float> values) -> Value {
      auto vector = RankedTensorType::get({static_cast<int64_t>(values.size())}, builder.getF32Type());
      return arith::ConstantOp::create(builder, loc, DenseElementsAttr::get(vector, values));
    };
    Value result = op->getResult(0), chosen = arith::SelectOp::create(builder, loc, flag, build(shift), build(zeros));
    Value init = tensor::EmptyOp::create(builder, loc, tensor::getMixedSizes(builder, loc, result), type.getElementType());
    AffineMap identity = builder.getMultiDimIdentityMap(type.getRank());
    AffineMap along = AffineMap::get(type.getRank(), 0, builder.getAffineDimExpr(type.getRank() - 1));
    SmallVector<utils::IteratorType> iterators(type.getRank(), utils::IteratorType::parallel);
    auto sum =
        linalg::GenericOp::create(builder, loc, type, ValueRange{result, chosen}, init, ArrayRef<AffineMap>{identity, along, identity},
                                  iterators, [](OpBuilder &b, Location l, ValueRange arguments) {
                                    linalg::YieldOp::create(b, l, arith::AddFOp::create(b, l, arguments[0], arguments[1]).getResult());
                                  });
    result.replaceAllUsesExcept(sum.getResult(0), sum);
    return success();
  }
};
} // namespace
} // namespace mlir::lowbit
