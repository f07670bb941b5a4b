//===- Lowering.cpp - how one op of a kernel becomes calls ----------------===//
// Law: registers go to the simulator through the lane's memory, so that no calling convention of vectors or structs matters.

#include "Lowering.h"
#include "lowbit/IR/Places.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

namespace mlir::lowbit::gpusim {

LLVM::GlobalOp Sites::addGlobal(Type type, StringRef name, Attribute value) {
  OpBuilder builder = OpBuilder::atBlockBegin(module.getBody());
  auto global = LLVM::GlobalOp::create(builder, module.getLoc(), type, /*isConstant=*/true, LLVM::Linkage::Internal, name, value);
  symbols.insert(global); // renames where the name is taken
  return global;
}

LLVM::GlobalOp Sites::getString(StringRef text) {
  LLVM::GlobalOp &global = strings[text];
  if (!global) {
    Builder builder(module.getContext());
    std::string bytes = text.str() + '\0';
    auto type = LLVM::LLVMArrayType::get(builder.getI8Type(), bytes.size());
    global = addGlobal(type, "lowbit_sim_text", builder.getStringAttr(bytes));
  }
  return global;
}

LLVM::GlobalOp Sites::add(Operation *op) {
  const std::string name = op->getName().getStringRef().str();
  std::string place = describePlace(op->getLoc());
  // Code that was generated has many ops of one place.
  if (unsigned number = ++places[name + place]; number > 1)
    place += " (number " + std::to_string(number) + ")";
  LLVM::GlobalOp texts[] = {getString(name), getString(place)};
  Type pointer = LLVM::LLVMPointerType::get(module.getContext());
  auto type = LLVM::LLVMStructType::getLiteral(module.getContext(), {pointer, pointer});
  LLVM::GlobalOp global = addGlobal(type, "lowbit_sim_site", {});
  OpBuilder builder(module.getContext());
  builder.createBlock(&global.getInitializerRegion());
  Value value = LLVM::UndefOp::create(builder, op->getLoc(), type);
  for (auto [index, text] : llvm::enumerate(texts)) {
    Value address = LLVM::AddressOfOp::create(builder, op->getLoc(), text);
    value = LLVM::InsertValueOp::create(builder, op->getLoc(), value, address, index);
  }
  LLVM::ReturnOp::create(builder, op->getLoc(), value);
  return global;
}

Lowering::Lowering(func::FuncOp kernel, ModuleOp module, SymbolTable &symbols, Sites &sites)
    : builder(kernel.getBody()), module(module), symbols(symbols), sites(sites), kernel(kernel), loc(kernel.getLoc()),
      pointerType(LLVM::LLVMPointerType::get(kernel.getContext())), wordType(builder.getI32Type()) {}

void Lowering::moveTo(Operation *to) {
  op = to;
  loc = to->getLoc();
  builder.setInsertionPoint(to);
}

Value Lowering::word(int64_t value) {
  return LLVM::ConstantOp::create(builder, loc, wordType, builder.getI32IntegerAttr(static_cast<int32_t>(value)));
}

Value Lowering::longWord(int64_t value) {
  return LLVM::ConstantOp::create(builder, loc, builder.getI64Type(), builder.getI64IntegerAttr(value));
}

Value Lowering::call(StringRef name, Type result, ValueRange arguments) {
  auto function = symbols.lookup<LLVM::LLVMFuncOp>(name);
  if (!function) {
    OpBuilder atEnd = OpBuilder::atBlockEnd(module.getBody());
    // Pointers lose their memory spaces when all ops are replaced.
    SmallVector<Type> types =
        llvm::map_to_vector(arguments.getTypes(), [&](Type type) { return isa<LLVM::LLVMPointerType>(type) ? pointerType : type; });
    auto type = LLVM::LLVMFunctionType::get(result ? result : LLVM::LLVMVoidType::get(module.getContext()), types);
    function = LLVM::LLVMFuncOp::create(atEnd, module.getLoc(), name, type);
    symbols.insert(function);
  }
  auto called = LLVM::CallOp::create(builder, loc, function, arguments);
  return result ? called.getResult() : Value();
}

Value Lowering::site() { return LLVM::AddressOfOp::create(builder, loc, sites.add(op)); }

Value Lowering::text(StringRef words) { return LLVM::AddressOfOp::create(builder, loc, sites.getString(words)); }

Value Lowering::allocate(unsigned words) {
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointToStart(&kernel.getBody().front());
  Value one = longWord(1);
  return LLVM::AllocaOp::create(builder, loc, pointerType, LLVM::LLVMArrayType::get(wordType, words), one, /*alignment=*/16);
}

Value Lowering::scratch(unsigned offset) {
  if (!scratchMemory)
    scratchMemory = allocate(kScratchWords);
  return offset ? getElement(scratchMemory, offset) : scratchMemory;
}

Value Lowering::getElement(Value pointer, unsigned index) {
  return LLVM::GEPOp::create(builder, loc, pointerType, wordType, pointer, ArrayRef<LLVM::GEPArg>{static_cast<int32_t>(index)});
}

static unsigned getBits(Type type) {
  if (auto vector = dyn_cast<VectorType>(type))
    return vector.getRank() == 1 && vector.getElementType().isIntOrFloat() ? vector.getNumElements() * vector.getElementTypeBitWidth() : 0;
  return type.isIntOrFloat() ? type.getIntOrFloatBitWidth() : 0;
}

Value Lowering::toWord(Value value) {
  if (value.getType() == wordType)
    return value;
  if (getBits(value.getType()) != 32) {
    refuse("has a register of type ") << value.getType() << "; expected 32 bits";
    return {};
  }
  return LLVM::BitcastOp::create(builder, loc, wordType, value);
}

Value Lowering::fromWord(Value value, Type type) {
  if (type == wordType)
    return value;
  if (getBits(type) != 32) {
    refuse("has a register of type ") << type << "; expected 32 bits";
    return {};
  }
  return LLVM::BitcastOp::create(builder, loc, type, value);
}

Value Lowering::store(ValueRange registers, unsigned offset) {
  for (auto [index, value] : llvm::enumerate(registers)) {
    Value bits = toWord(value);
    if (!bits)
      return {};
    LLVM::StoreOp::create(builder, loc, bits, scratch(offset + index));
  }
  return scratch(offset);
}

Value Lowering::load(Type type, unsigned offset) {
  auto loadWord = [&](unsigned index) { return LLVM::LoadOp::create(builder, loc, wordType, scratch(offset + index)).getResult(); };
  auto structType = dyn_cast<LLVM::LLVMStructType>(type);
  if (!structType)
    return fromWord(loadWord(0), type);
  Value result = LLVM::UndefOp::create(builder, loc, type);
  for (auto [index, element] : llvm::enumerate(structType.getBody())) {
    Value bits = loadWord(index);
    // Predicates are i1.
    Value value = element.isInteger(1) ? isNotZero(bits) : fromWord(bits, element);
    if (!value)
      return {};
    result = LLVM::InsertValueOp::create(builder, loc, result, value, index);
  }
  return result;
}

Value Lowering::toInteger(Value value, unsigned width) {
  Type type = builder.getIntegerType(width);
  if (value.getType() == type)
    return value;
  if (value.getType().isIndex())
    return arith::IndexCastUIOp::create(builder, loc, type, value);
  if (value.getType().getIntOrFloatBitWidth() < width)
    return arith::ExtUIOp::create(builder, loc, type, value);
  return arith::TruncIOp::create(builder, loc, type, value);
}

void Lowering::when(Value predicate, llvm::function_ref<void()> body) {
  if (!predicate)
    return body();
  OpBuilder::InsertionGuard guard(builder);
  auto branch = scf::IfOp::create(builder, loc, predicate, /*withElseRegion=*/false);
  builder.setInsertionPoint(branch.thenYield());
  body();
}

Value Lowering::isNotZero(Value value) { return LLVM::ICmpOp::create(builder, loc, LLVM::ICmpPredicate::ne, value, word(0)); }

LogicalResult Lowering::replace(Value result) {
  if (!result)
    return failure();
  op->getResult(0).replaceAllUsesWith(result);
  op->erase();
  return success();
}

InFlightDiagnostic Lowering::refuse(const Twine &why) { return op->emitOpError() << why; }

} // namespace mlir::lowbit::gpusim
