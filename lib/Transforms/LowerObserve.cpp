//===- LowerObserve.cpp - hand observed tensors to the run time -----------===//
//
// Invariant: the numbers are those of `Statistics::create` on the same module.
//
//===----------------------------------------------------------------------===//

#include "lowbit/IR/Lowbit.h"
#include "lowbit/Transforms/Passes.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/IR/BuiltinOps.h"

namespace mlir::lowbit {
#define GEN_PASS_DEF_LOWEROBSERVEPASS
#include "lowbit/Transforms/Passes.h.inc"

static constexpr StringLiteral kFunction = "lowbit_observe";

/// The declaration of the run time's function, or null after an error.
static func::FuncOp getFunction(ModuleOp module) {
  MLIRContext *context = module.getContext();
  auto values = UnrankedMemRefType::get(Float32Type::get(context), nullptr);
  auto type = FunctionType::get(context, {IntegerType::get(context, 64), values}, {});
  if (Operation *symbol = module.lookupSymbol(kFunction)) {
    auto function = dyn_cast<func::FuncOp>(symbol);
    if (function && function.isDeclaration() && function.getFunctionType() == type)
      return function;
    symbol->emitOpError() << "has the name of a function of the run time, `" << kFunction << "`; rename it";
    return {};
  }
  OpBuilder builder = OpBuilder::atBlockBegin(module.getBody());
  auto function = func::FuncOp::create(builder, module.getLoc(), kFunction, type);
  function.setPrivate();
  function->setAttr(LLVM::LLVMDialect::getEmitCWrapperAttrName(), builder.getUnitAttr());
  return function;
}

static void lower(ObserveOp op, int64_t number, func::FuncOp function) {
  OpBuilder builder(op);
  Location loc = op.getLoc();
  RankedTensorType type = op.getInput().getType();
  Value site = arith::ConstantOp::create(builder, loc, builder.getI64IntegerAttr(number));
  Value buffer = bufferization::ToBufferOp::create(builder, loc, MemRefType::get(type.getShape(), type.getElementType()), op.getInput(),
                                                   /*read_only=*/true);
  Value values = memref::CastOp::create(builder, loc, function.getArgumentTypes()[1], buffer);
  func::CallOp::create(builder, loc, function, ValueRange{site, values});
  op.erase();
}

namespace {
struct LowerObservePass final : impl::LowerObservePassBase<LowerObservePass> {
  void runOnOperation() override {
    ModuleOp module = getOperation();
    SmallVector<ObserveOp> ops;
    module.walk([&](ObserveOp op) { ops.push_back(op); });
    if (ops.empty())
      return;
    func::FuncOp function = getFunction(module);
    if (!function)
      return signalPassFailure();
    for (auto [number, op] : llvm::enumerate(ops))
      lower(op, number, function);
  }
};
} // namespace
} // namespace mlir::lowbit
