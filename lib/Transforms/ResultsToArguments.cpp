//===- ResultsToArguments.cpp - entry points write where they are told ----===//
// Law: a public function returns nothing, reads its tensor arguments only, and writes each result once, whole, into its trailing argument.

#include "lowbit/Transforms/Passes.h"
#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"

namespace mlir::lowbit {
#define GEN_PASS_DEF_RESULTSTOARGUMENTSPASS
#include "lowbit/Transforms/Passes.h.inc"

/// The buffer a caller hands in for a result of `type`; null when there is no such thing.
static MemRefType getDestinationType(Type type) {
  if (auto tensor = dyn_cast<RankedTensorType>(type))
    return MemRefType::get(tensor.getShape(), tensor.getElementType());
  return MemRefType::isValidElementType(type) ? MemRefType::get({}, type) : MemRefType();
}

/// Appends one argument for each result of `function`, with the result's attributes.
static LogicalResult appendDestinations(func::FuncOp function, SmallVectorImpl<BlockArgument> &destinations) {
  Builder builder(function.getContext());
  unsigned firstResult = function.getNumArguments();
  for (auto [i, type] : llvm::enumerate(function.getResultTypes())) {
    MemRefType destination = getDestinationType(type);
    if (!destination)
      return function.emitOpError() << "result " << i << " has type " << type << "; expected a ranked tensor or a scalar";
    NamedAttrList attrs(function.getResultAttrDict(i));
    attrs.set("lowbit.result", builder.getUnitAttr());
    if (failed(function.insertArgument(firstResult + i, destination, attrs.getDictionary(function.getContext()), function.getLoc())))
      return failure();
    destinations.push_back(function.getArgument(firstResult + i));
  }
  return success();
}

static void writeToDestination(OpBuilder &builder, Location loc, Value result, Value destination) {
  if (isa<RankedTensorType>(result.getType()))
    bufferization::MaterializeInDestinationOp::create(builder, loc, /*result=*/Type(), result, destination, /*restrict=*/true,
                                                      /*writable=*/true);
  else
    memref::StoreOp::create(builder, loc, result, destination, ValueRange());
}

static LogicalResult convertEntry(func::FuncOp function) {
  Builder builder(function.getContext());
  for (unsigned i = 0, e = function.getNumArguments(); i != e; ++i)
    if (isa<TensorType>(function.getArgumentTypes()[i]))
      function.setArgAttr(i, bufferization::BufferizationDialect::kWritableAttrName, builder.getBoolAttr(false));

  SmallVector<BlockArgument> destinations;
  if (failed(appendDestinations(function, destinations)))
    return failure();
  function.walk([&](func::ReturnOp op) {
    OpBuilder atReturn(op);
    for (auto [result, destination] : llvm::zip_equal(op.getOperands(), destinations))
      writeToDestination(atReturn, op.getLoc(), result, destination);
    op->setOperands({});
  });
  BitVector all(function.getNumResults(), true);
  if (failed(function.eraseResults(all)))
    return failure();
  function->setAttr(LLVM::LLVMDialect::getEmitCWrapperAttrName(), builder.getUnitAttr());
  return success();
}

namespace {
struct ResultsToArgumentsPass final : impl::ResultsToArgumentsPassBase<ResultsToArgumentsPass> {
  void runOnOperation() override {
    ModuleOp module = getOperation();
    WalkResult calls = module.walk([&](func::CallOp call) {
      auto callee = module.lookupSymbol<func::FuncOp>(call.getCallee());
      if (!callee || !callee.isPublic() || callee.isExternal())
        return WalkResult::advance();
      call.emitOpError() << "calls the entry point `" << call.getCallee() << "`; make a private function of what both need";
      return WalkResult::interrupt();
    });
    if (calls.wasInterrupted())
      return signalPassFailure();
    for (auto function : module.getOps<func::FuncOp>())
      if (function.isPublic() && !function.isExternal() && failed(convertEntry(function)))
        return signalPassFailure();
  }
};
} // namespace
} // namespace mlir::lowbit
