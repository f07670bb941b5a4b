//===- ResultsToArguments.cpp - entry points write where they are told ----===//
// Law: a public function returns nothing, reads its tensor arguments only, and writes each result once, whole, into its trailing argument
// or, where the result updates an argument, into that.

#include "lowbit/Transforms/Passes.h"
#include "lowbit/Transforms/Sites.h"
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

/// Makes the argument that result `i` updates a buffer, which is read through a tensor. Null after an error.
static BlockArgument makeUpdated(func::FuncOp function, unsigned i) {
  auto name = function.getResultAttrOfType<StringAttr>(i, kUpdatesAttr);
  for (BlockArgument argument : function.getArguments()) {
    unsigned index = argument.getArgNumber();
    if (!name || function.getArgAttr(index, kNameAttr) != name)
      continue;
    Type type = function.getResultTypes()[i];
    MemRefType buffer = getDestinationType(type);
    if (argument.getType() != type || !buffer) {
      function.emitOpError() << "result " << i << " of type " << type << " updates argument " << name << " of type " << argument.getType()
                             << "; expected one type, and one result for an argument";
      return {};
    }
    OpBuilder builder = OpBuilder::atBlockBegin(&function.getBody().front());
    function.removeArgAttr(index, bufferization::BufferizationDialect::kWritableAttrName);
    argument.setType(buffer);
    Value values = bufferization::ToTensorOp::create(builder, function.getLoc(), type, argument, /*restrict=*/true, /*writable=*/true);
    argument.replaceAllUsesExcept(values, values.getDefiningOp());
    return argument;
  }
  function.emitOpError() << "result " << i << " updates " << function.getResultAttr(i, kUpdatesAttr)
                         << ", which is no argument; expected the `lowbit.name` of one";
  return {};
}

/// The place of each result of `function`: the argument that it updates, or one that is appended for it, with the result's attributes.
static LogicalResult appendDestinations(func::FuncOp function, SmallVectorImpl<BlockArgument> &destinations) {
  Builder builder(function.getContext());
  destinations.resize(function.getNumResults());
  for (auto [i, destination] : llvm::enumerate(destinations))
    if (function.getResultAttr(i, kUpdatesAttr) && !(destination = makeUpdated(function, i)))
      return failure();
  SmallVector<Type> arguments(function.getBody().front().getArgumentTypes());
  function.setType(builder.getFunctionType(arguments, function.getResultTypes()));
  for (auto [i, type] : llvm::enumerate(function.getResultTypes())) {
    if (destinations[i])
      continue;
    MemRefType destination = getDestinationType(type);
    if (!destination)
      return function.emitOpError() << "result " << i << " has type " << type << "; expected a ranked tensor or a scalar";
    NamedAttrList attrs(function.getResultAttrDict(i));
    attrs.set("lowbit.result", builder.getUnitAttr());
    unsigned index = function.getNumArguments();
    if (failed(function.insertArgument(index, destination, attrs.getDictionary(function.getContext()), function.getLoc())))
      return failure();
    destinations[i] = function.getArgument(index);
  }
  return success();
}

/// The tensor through which an updated argument is read; null for the place of a new result.
static Value getOldValues(Value destination) {
  for (Operation *user : destination.getUsers())
    if (auto values = dyn_cast<bufferization::ToTensorOp>(user))
      return values;
  return {};
}

static void writeToDestination(OpBuilder &builder, Location loc, Value result, Value destination) {
  // An update goes through the tensor of the old values: whoever reads them later then has them copied, wherever it was moved to.
  if (Value old = isa<RankedTensorType>(result.getType()) ? getOldValues(destination) : Value(); old && old.getType() == result.getType())
    result = bufferization::MaterializeInDestinationOp::create(builder, loc, result.getType(), result, old).getResult();
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
