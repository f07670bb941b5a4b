//===- DeviceEntryPoints.cpp - functions of a library for devices ----------===//
// Law: the body of a function runs between `lowbit_gpu_enter_…` and `lowbit_gpu_leave`, or not at all; nothing but addresses and numbers
// decides what it does.

#include "EntryPoints.h"
#include "lowbit/Conversion/KernelSymbols.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"

namespace mlir::lowbit {
namespace {
class Builder {
public:
  explicit Builder(ModuleOp module)
      : module(module), builder(OpBuilder::atBlockEnd(module.getBody())), loc(module.getLoc()), i32(builder.getI32Type()),
        i64(builder.getI64Type()), pointer(LLVM::LLVMPointerType::get(module.getContext())) {}

  void buildFunction(const CFunction &function, LLVM::LLVMFuncOp body);
  void buildForwarder(StringRef name, StringRef callee, Type result, StringRef argument);

private:
  LLVM::GlobalOp createText(const Twine &name, StringRef text);
  LLVM::GlobalOp createGlobal(const Twine &name, Type type, function_ref<Value(Value)> fill);
  LLVM::GlobalOp createEntry(const CFunction &function);
  Value addressOf(LLVM::GlobalOp global) { return LLVM::AddressOfOp::create(builder, loc, global); }
  Value insert(Value aggregate, Value field, int64_t place) { return LLVM::InsertValueOp::create(builder, loc, aggregate, field, place); }
  Value constant(Type type, int64_t value) { return LLVM::ConstantOp::create(builder, loc, builder.getIntegerAttr(type, value)); }
  Value call(LLVM::LLVMFuncOp callee, ValueRange arguments) { return LLVM::CallOp::create(builder, loc, callee, arguments).getResult(); }
  Value toWord(Value value);
  void reportAssertions(const CFunction &function, Value number);

  ModuleOp module;
  OpBuilder builder;
  Location loc;
  Type i32, i64, pointer;
};
} // namespace

LLVM::GlobalOp Builder::createGlobal(const Twine &name, Type type, function_ref<Value(Value)> fill) {
  auto global = LLVM::GlobalOp::create(builder, loc, type, /*isConstant=*/false, LLVM::Linkage::Internal, name.str(), Attribute());
  OpBuilder::InsertionGuard guard(builder);
  builder.createBlock(&global.getInitializerRegion());
  LLVM::ReturnOp::create(builder, loc, fill(LLVM::ZeroOp::create(builder, loc, type)));
  return global;
}

/// A text with the zero that C ends it with.
LLVM::GlobalOp Builder::createText(const Twine &name, StringRef text) {
  std::string bytes = text.str() + '\0';
  auto type = LLVM::LLVMArrayType::get(builder.getI8Type(), bytes.size());
  return LLVM::GlobalOp::create(builder, loc, type, /*isConstant=*/true, LLVM::Linkage::Internal, name.str(), builder.getStringAttr(bytes));
}

/// DeviceEntry of lowbit/Execution/Device.h.
LLVM::GlobalOp Builder::createEntry(const CFunction &function) {
  const Entry &entry = function.entry;
  LLVM::GlobalOp label = createText(function.symbol + ".name", entry.name);
  SmallVector<LLVM::GlobalOp> names; // null for numbers
  for (const Port &port : entry.inputs)
    names.push_back(port.isScalar ? LLVM::GlobalOp() : createText(function.symbol + ".argument." + Twine(names.size()), port.name));
  for (const Port &port : entry.outputs)
    names.push_back(createText(function.symbol + ".argument." + Twine(names.size()), port.name));
  if (entry.workspaceBytes)
    names.push_back(createText(function.symbol + ".argument." + Twine(names.size()), "workspace"));
  auto arrayType = LLVM::LLVMArrayType::get(pointer, names.size());
  LLVM::GlobalOp list = createGlobal(function.symbol + ".arguments", arrayType, [&](Value value) {
    for (auto [place, name] : llvm::enumerate(names))
      if (name)
        value = insert(value, addressOf(name), static_cast<int64_t>(place));
    return value;
  });
  auto type = LLVM::LLVMStructType::getLiteral(builder.getContext(), {pointer, pointer, pointer, pointer});
  return createGlobal(function.symbol + ".entry", type, [&](Value value) {
    value = insert(value, LLVM::AddressOfOp::create(builder, loc, pointer, programSymbol), 0);
    return insert(insert(value, addressOf(label), 1), addressOf(list), 2);
  });
}

/// The bits of an argument.
Value Builder::toWord(Value value) {
  if (isa<LLVM::LLVMPointerType>(value.getType()))
    return LLVM::PtrToIntOp::create(builder, loc, i64, value);
  if (isa<FloatType>(value.getType())) {
    Type bits = builder.getIntegerType(value.getType().getIntOrFloatBitWidth());
    value = LLVM::BitcastOp::create(builder, loc, bits, value);
  }
  return value.getType() == i64 ? value : LLVM::ZExtOp::create(builder, loc, i64, value).getResult();
}

/// Fails the call with the words of assertion `number`, unless that is 0.
void Builder::reportAssertions(const CFunction &function, Value number) {
  Value text = LLVM::ZeroOp::create(builder, loc, pointer);
  for (auto [index, assertion] : llvm::enumerate(function.entry.assertions)) {
    OpBuilder::InsertPoint place = builder.saveInsertionPoint();
    builder.setInsertionPointToEnd(module.getBody());
    LLVM::GlobalOp global = createText(function.symbol + ".assertion." + Twine(index), assertion);
    builder.restoreInsertionPoint(place);
    Value fails = LLVM::ICmpOp::create(builder, loc, LLVM::ICmpPredicate::eq, number, constant(i32, static_cast<int64_t>(index) + 1));
    text = LLVM::SelectOp::create(builder, loc, fails, addressOf(global), text);
  }
  auto check = declareFunction(module, "lowbit_gpu_check", LLVM::LLVMVoidType::get(builder.getContext()), {pointer});
  LLVM::CallOp::create(builder, loc, check, text);
}

void Builder::buildFunction(const CFunction &function, LLVM::LLVMFuncOp body) {
  LLVM::GlobalOp entry = createEntry(function);
  SmallVector<Type> types(body.getFunctionType().getParams());
  types.push_back(pointer);
  auto wrapper = LLVM::LLVMFuncOp::create(builder, loc, function.symbol, LLVM::LLVMFunctionType::get(i32, types));
  OpBuilder::InsertionGuard guard(builder);
  Block *start = wrapper.addEntryBlock(builder);
  Block *run = builder.createBlock(&wrapper.getBody()), *skip = builder.createBlock(&wrapper.getBody());
  builder.setInsertionPointToStart(start);
  auto arguments = wrapper.getArguments().drop_back();
  auto count = static_cast<int64_t>(arguments.size());
  Value words = LLVM::AllocaOp::create(builder, loc, pointer, LLVM::LLVMArrayType::get(i64, count), constant(i64, 1));
  for (auto [place, argument] : llvm::enumerate(arguments)) {
    Value slot = LLVM::GEPOp::create(builder, loc, pointer, i64, words, LLVM::GEPArg(static_cast<int32_t>(place)));
    LLVM::StoreOp::create(builder, loc, toWord(argument), slot);
  }
  Value zero = constant(i32, 0), handle = addressOf(entry);
  Value state = call(declareFunction(module, function.device->enter, i32, {pointer, pointer, i32, pointer}),
                     {handle, words, constant(i32, count), wrapper.getArguments().back()});
  Value runs = LLVM::ICmpOp::create(builder, loc, LLVM::ICmpPredicate::eq, state, zero);
  LLVM::CondBrOp::create(builder, loc, runs, run, skip);
  builder.setInsertionPointToStart(run);
  auto called = LLVM::CallOp::create(builder, loc, body, arguments);
  if (!function.entry.assertions.empty())
    reportAssertions(function, called.getResult());
  LLVM::ReturnOp::create(builder, loc, call(declareFunction(module, "lowbit_gpu_leave", i32, {pointer}), handle));
  builder.setInsertionPointToStart(skip);
  Value failed = LLVM::ICmpOp::create(builder, loc, LLVM::ICmpPredicate::slt, state, zero);
  LLVM::ReturnOp::create(builder, loc, LLVM::SelectOp::create(builder, loc, failed, state, zero).getResult());
}

/// An exported function that hands on to the run time's, with the address of a global where that takes one.
void Builder::buildForwarder(StringRef name, StringRef callee, Type result, StringRef argument) {
  Type resultType = result ? result : LLVM::LLVMVoidType::get(builder.getContext());
  auto function = LLVM::LLVMFuncOp::create(builder, loc, name, LLVM::LLVMFunctionType::get(resultType, {}));
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointToStart(function.addEntryBlock(builder));
  SmallVector<Value> arguments;
  if (!argument.empty())
    arguments.push_back(LLVM::AddressOfOp::create(builder, loc, pointer, argument));
  auto target = declareFunction(module, callee, resultType, llvm::to_vector(ValueRange(arguments).getTypes()));
  LLVM::ReturnOp::create(builder, loc, LLVM::CallOp::create(builder, loc, target, arguments)->getResults());
}

LogicalResult buildDeviceEntryPoints(ModuleOp module, ArrayRef<CFunction> functions, StringRef stem) {
  std::vector<CFunction> bodies(functions);
  for (CFunction &body : bodies)
    body.symbol += ".body";
  if (failed(buildEntryPoints(module, bodies)))
    return failure();
  Builder builder(module);
  for (auto [function, inner] : llvm::zip_equal(functions, bodies)) {
    auto body = module.lookupSymbol<LLVM::LLVMFuncOp>(inner.symbol);
    body.setLinkage(LLVM::Linkage::Internal);
    if (module.lookupSymbol(function.symbol))
      return emitError(module.getLoc()) << "symbol `" << function.symbol << "` is there already; name the file otherwise";
    builder.buildFunction(function, body);
  }
  std::string error = getErrorFunction(stem), release = getReleaseFunction(stem);
  for (StringRef name : {StringRef(error), StringRef(release)})
    if (module.lookupSymbol(name))
      return emitError(module.getLoc()) << "function `" << name << "` has the name of one that every library for a device has; rename it";
  builder.buildForwarder(error, "lowbit_gpu_error", LLVM::LLVMPointerType::get(module.getContext()), "");
  builder.buildForwarder(release, functions.front().device->release, Type(), programSymbol);
  return success();
}

} // namespace mlir::lowbit
