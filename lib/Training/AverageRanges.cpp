//===- AverageRanges.cpp - scales that follow what is seen ----------------===//
// Law: a step rounds by the scales that were there before it.

#include "lowbit/IR/Lowbit.h"
#include "lowbit/Losses/Build.h"
#include "lowbit/Training/Parameters.h"
#include "lowbit/Training/Passes.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

namespace mlir::lowbit {
#define GEN_PASS_DEF_AVERAGERANGESPASS
#include "lowbit/Training/Passes.h.inc"

namespace {
struct AverageRangesPass final : impl::AverageRangesPassBase<AverageRangesPass> {
  using AverageRangesPassBase::AverageRangesPassBase;

  void runOnOperation() override {
    if (failed(average()))
      signalPassFailure();
  }

private:
  LogicalResult average() {
    func::FuncOp model = findFunction(getOperation(), function);
    if (!model)
      return failure();
    if (!(decay > 0 && decay < 1))
      return model.emitError() << "`decay` is " << decay << "; expected above 0 and below 1";
    SmallVector<FakeQuantOp> found;
    for (auto op : model.getBody().front().getOps<FakeQuantOp>())
      if (isStaticActivation(model, op))
        found.push_back(op);
    if (found.empty())
      return model.emitError() << "`" << function << "` rounds no activation by a scale that is a parameter; expected static activations "
                               << "without zero points";
    for (FakeQuantOp op : found)
      if (failed(average(model, op)))
        return failure();
    return success();
  }

  static bool isStaticActivation(func::FuncOp model, FakeQuantOp op) {
    auto isParameter = [&](Value value) {
      auto argument = dyn_cast<BlockArgument>(value);
      return argument && model.getArgAttr(argument.getArgNumber(), kParameterAttr);
    };
    // A parametrized weight is no argument itself, but has its name.
    return isParameter(op.getScales()) && !isParameter(op.getInput()) && !op->hasAttr(kNameAttr) && !op.getZeros();
  }

  LogicalResult average(func::FuncOp model, FakeQuantOp op) {
    auto old = cast<BlockArgument>(op.getScales());
    if (!old.hasOneUse())
      return op.emitOpError() << "shares scale `" << getPortName(model, old.getArgNumber())
                              << "` with another; expected one scale for each activation whose range is averaged";
    SchemeAttr scheme = op.getScheme();
    // Averages are kept in f32, whatever the scheme stores.
    auto wide = SchemeAttr::get(&getContext(), scheme.getFormat(), scheme.getBlock(), Type(), IntegerType(), scheme.getScaling());
    OpBuilder b(op);
    Location loc = op.getLoc();
    Value seen = ComputeScalesOp::create(b, loc, TypeRange{old.getType()}, op.getInput(), wide).getScales();
    Value share = arith::ConstantOp::create(b, loc, b.getF32FloatAttr(static_cast<float>(1 - decay)));
    Value next = buildMap(b, loc, {old, seen}, [&](OpBuilder &nested, Location at, ValueRange args) -> Value {
      Value change = arith::MulFOp::create(nested, at, share, arith::SubFOp::create(nested, at, args[1], args[0]));
      return arith::AddFOp::create(nested, at, args[0], change);
    });
    next.getDefiningOp()->setAttr(kDetachedAttr, b.getUnitAttr());
    model.removeArgAttr(old.getArgNumber(), kParameterAttr);
    return appendResult(model, next, getPortName(model, old.getArgNumber()), /*updates=*/true);
  }
};
} // namespace
} // namespace mlir::lowbit
