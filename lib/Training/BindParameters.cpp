//===- BindParameters.cpp - parameters become constants again -------------===//
// Law: values are checked before anything is changed.

#include "lowbit/Arrays/Npy.h"
#include "lowbit/Training/Parameters.h"
#include "lowbit/Training/Passes.h"
#include "lowbit/Transforms/Constants.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include <cmath>

namespace mlir::lowbit {
#define GEN_PASS_DEF_BINDPARAMETERSPASS
#include "lowbit/Training/Passes.h.inc"

namespace {
struct BindParametersPass final : impl::BindParametersPassBase<BindParametersPass> {
  using BindParametersPassBase::BindParametersPassBase;

  void runOnOperation() override {
    if (failed(bind()))
      signalPassFailure();
  }

private:
  LogicalResult bind() {
    func::FuncOp model = findFunction(getOperation(), function);
    if (!model)
      return failure();
    llvm::Expected<std::vector<NamedArray>> arrays = readArrays(values);
    if (!arrays)
      return model.emitError() << "parameters cannot be read: " << llvm::toString(arrays.takeError());
    llvm::StringMap<const Array *> byName;
    for (const NamedArray &each : *arrays)
      byName[each.name] = &each.array;
    OpBuilder builder = OpBuilder::atBlockBegin(&model.getBody().front());
    BitVector bound(model.getNumArguments());
    SmallVector<arith::ConstantOp> constants;
    for (BlockArgument argument : model.getArguments()) {
      unsigned index = argument.getArgNumber();
      if (!model.getArgAttr(index, kParameterAttr))
        continue;
      FailureOr<ElementsAttr> elements = getElements(model, argument, byName.lookup(getPortName(model, index)));
      if (failed(elements))
        return failure();
      constants.push_back(arith::ConstantOp::create(builder, argument.getLoc(), argument.getType(), cast<TypedAttr>(*elements)));
      bound.set(index);
    }
    for (auto [index, constant] : llvm::zip_equal(bound.set_bits(), constants))
      model.getArgument(index).replaceAllUsesWith(constant);
    if (failed(model.eraseArguments(bound)))
      return failure();
    for (func::FuncOp other : llvm::make_early_inc_range(getOperation().getOps<func::FuncOp>()))
      if (other != model)
        other.erase();
    return success();
  }

  FailureOr<ElementsAttr> getElements(func::FuncOp model, BlockArgument argument, const Array *array) {
    std::string name = getPortName(model, argument.getArgNumber());
    auto type = cast<RankedTensorType>(argument.getType());
    if (!array)
      return model.emitError() << "`" << values << "` has no array `" << name << "`";
    if (array->getShape() != type.getShape() || !(array->getType() == StorageType{'f', 4}))
      return model.emitError() << "`" << values << "`: `" << name << "` is " << formatShape(array->getShape()) << " of "
                               << array->getType().getName() << "; expected " << formatShape(type.getShape()) << " of float32";
    ArrayRef<float> reals(reinterpret_cast<const float *>(array->getData()), array->getNumBytes() / sizeof(float));
    if (!llvm::all_of(reals, [](float each) { return std::isfinite(each); }))
      return model.emitError() << "`" << values << "`: `" << name << "` has values that are not finite";
    return buildElements(type, ArrayRef<char>(array->getData(), array->getNumBytes()), name);
  }
};
} // namespace
} // namespace mlir::lowbit
