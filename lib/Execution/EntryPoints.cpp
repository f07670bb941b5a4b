//===- EntryPoints.cpp - functions of a C program in an object ------------===//
// Law: an object exports what its header declares and nothing else; descriptors of arrays are made of constants only.

#include "EntryPoints.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"

namespace mlir::lowbit {
namespace {

/// Builds the body of one function: arguments as C passes them become arguments as the compiled function takes them.
class Caller {
public:
  Caller(OpBuilder &builder, Location loc) : builder(builder), loc(loc) {}

  /// A pointer to a dense array of `shape`: allocated and aligned pointer, offset, sizes, strides.
  void addArray(Value pointer, ArrayRef<int64_t> shape) {
    arguments.append({pointer, pointer});
    addConstant(0);
    for (int64_t size : shape)
      addConstant(size);
    int64_t stride = 1;
    SmallVector<int64_t> strides;
    for (int64_t size : llvm::reverse(shape)) {
      strides.push_back(stride);
      stride *= size;
    }
    for (int64_t value : llvm::reverse(strides))
      addConstant(value);
  }

  /// A number whose C type may be wider than `type`, or an integer that stands for the bits of a float.
  void addScalar(Value value, Type type) {
    unsigned bits = type.getIntOrFloatBitWidth();
    if (value.getType() != type && value.getType().getIntOrFloatBitWidth() != bits)
      value = LLVM::TruncOp::create(builder, loc, builder.getIntegerType(bits), value);
    arguments.push_back(value.getType() == type ? value : LLVM::BitcastOp::create(builder, loc, type, value).getResult());
  }

  void addPointer(Value pointer) { arguments.push_back(pointer); }

  ArrayRef<Value> getArguments() const { return arguments; }

private:
  void addConstant(int64_t value) {
    arguments.push_back(LLVM::ConstantOp::create(builder, loc, builder.getI64Type(), builder.getI64IntegerAttr(value)));
  }

  OpBuilder &builder;
  Location loc;
  SmallVector<Value> arguments;
};

} // namespace

/// How C passes `port`: arrays and results by pointer; numbers as they are, or as the integer that holds their bits.
static Type getArgumentType(Builder &builder, const Port &port, bool isOutput) {
  if (isOutput || !port.isScalar)
    return LLVM::LLVMPointerType::get(builder.getContext());
  StorageType storage = port.type.getStorage();
  if (storage.kind == 'f' && storage.bytes >= 4)
    return storage.bytes == 4 ? builder.getF32Type() : builder.getF64Type();
  return builder.getIntegerType(storage.bytes * 8);
}

/// A function with assertions gives C the number of the one that does not hold, or 0.
static Type getResultType(Builder &builder, const Entry &entry) {
  return entry.assertions.empty() ? Type(LLVM::LLVMVoidType::get(builder.getContext())) : builder.getI32Type();
}

/// Where a call puts that number.
static Value createStatus(OpBuilder &builder, Location loc) {
  Value one = LLVM::ConstantOp::create(builder, loc, builder.getI64IntegerAttr(1));
  Value none = LLVM::ConstantOp::create(builder, loc, builder.getI32IntegerAttr(0));
  Value status = LLVM::AllocaOp::create(builder, loc, LLVM::LLVMPointerType::get(builder.getContext()), builder.getI32Type(), one);
  LLVM::StoreOp::create(builder, loc, none, status);
  return status;
}

static LogicalResult buildEntryPoint(OpBuilder &builder, LLVM::LLVMFuncOp callee, const CFunction &function) {
  const Entry &entry = function.entry;
  Location loc = callee.getLoc();
  SmallVector<Type> types;
  for (const Port &port : entry.inputs)
    types.push_back(getArgumentType(builder, port, /*isOutput=*/false));
  types.append(entry.outputs.size() + (entry.workspaceBytes ? 1 : 0), LLVM::LLVMPointerType::get(builder.getContext()));
  auto type = LLVM::LLVMFunctionType::get(getResultType(builder, entry), types);
  auto wrapper = LLVM::LLVMFuncOp::create(builder, loc, function.symbol, type);
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointToStart(wrapper.addEntryBlock(builder));
  Caller caller(builder, loc);
  ArrayRef<Type> taken = callee.getFunctionType().getParams();
  auto arguments = wrapper.getArguments();
  for (auto [port, argument] : llvm::zip_first(entry.inputs, arguments)) {
    if (!port.isScalar)
      caller.addArray(argument, port.shape);
    else if (caller.getArguments().size() < taken.size())
      caller.addScalar(argument, taken[caller.getArguments().size()]);
  }
  for (auto [port, argument] : llvm::zip_first(entry.outputs, arguments.drop_front(entry.inputs.size())))
    caller.addArray(argument, port.shape);
  if (entry.workspaceBytes)
    caller.addArray(arguments.back(), entry.workspaceBytes);
  Value status = entry.assertions.empty() ? Value() : createStatus(builder, loc);
  if (status)
    caller.addPointer(status);
  if (!llvm::equal(taken, ValueRange(caller.getArguments()).getTypes()))
    return emitError(loc) << "function `" << entry.name << "` of type " << callee.getFunctionType()
                          << " does not take what its signature says";
  LLVM::CallOp::create(builder, loc, callee, caller.getArguments());
  LLVM::ReturnOp::create(builder, loc,
                         status ? LLVM::LoadOp::create(builder, loc, builder.getI32Type(), status)->getResults() : ValueRange());
  return success();
}

LogicalResult buildEntryPoints(ModuleOp module, ArrayRef<CFunction> functions) {
  SymbolTable symbols(module);
  // Descriptors by pointer are how a JIT calls; C has pointers to arrays.
  for (auto function : llvm::make_early_inc_range(module.getOps<LLVM::LLVMFuncOp>()))
    if (function.getSymName().starts_with("_mlir_ciface_") && !function.isExternal())
      symbols.erase(function);
  for (auto function : module.getOps<LLVM::LLVMFuncOp>())
    if (!function.isExternal())
      function.setLinkage(LLVM::Linkage::Internal);
  for (auto global : module.getOps<LLVM::GlobalOp>())
    if (global.getValueOrNull() || !global.getInitializerRegion().empty())
      global.setLinkage(LLVM::Linkage::Internal);
  OpBuilder builder = OpBuilder::atBlockEnd(module.getBody());
  for (const CFunction &function : functions) {
    auto callee = symbols.lookup<LLVM::LLVMFuncOp>(function.entry.name);
    if (!callee || symbols.lookup(function.symbol))
      return emitError(module.getLoc()) << (callee ? "symbol `" + function.symbol + "` is there already; name the file otherwise"
                                                   : "no function `" + function.entry.name + "` in the compiled module");
    if (failed(buildEntryPoint(builder, callee, function)))
      return failure();
  }
  return success();
}

} // namespace mlir::lowbit
