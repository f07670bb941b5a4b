//===- KernelModule.cpp - the module of all kernels, and their launches ---===//

#include "KernelModule.h"
#include "lowbit/GPU/Traffic.h"
#include "lowbit/IR/Lowbit.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/Matchers.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/Transforms/RegionUtils.h"

namespace mlir::lowbit {

static constexpr StringLiteral moduleName = "kernels";

KernelModule::KernelModule(ModuleOp program) : program(program), kernels(program.lookupSymbol<gpu::GPUModuleOp>(moduleName)) {
  if (kernels)
    for (auto symbol : kernels.getOps<SymbolOpInterface>())
      names.insert(symbol.getName());
}

std::string KernelModule::makeName(std::string name) {
  std::string unique = name;
  for (unsigned &copy = copies[name]; !names.insert(unique).second;)
    unique = name + "_" + std::to_string(++copy);
  return unique;
}

gpu::GPUFuncOp KernelModule::get(const std::string &text, const Twine &name, Location loc, TypeRange types, ArrayRef<Argument> extra,
                                 unsigned threads, function_ref<void(KernelBuilder &, gpu::GPUFuncOp)> emit) {
  if (!kernels) {
    OpBuilder builder = OpBuilder::atBlockBegin(program.getBody());
    kernels = gpu::GPUModuleOp::create(builder, program.getLoc(), moduleName);
    program->setAttr(gpu::GPUDialect::getContainerModuleAttrName(), builder.getUnitAttr());
  }
  gpu::GPUFuncOp &function = known[text];
  if (function)
    return function;
  OpBuilder builder = OpBuilder::atBlockEnd(kernels.getBody());
  SmallVector<Type> taken(types);
  llvm::append_range(taken, llvm::make_first_range(extra));
  function = gpu::GPUFuncOp::create(builder, loc, makeName(name.str()), builder.getFunctionType(taken, {}));
  function->setAttr(gpu::GPUDialect::getKernelFuncAttrName(), builder.getUnitAttr());
  function.setKnownBlockSizeAttr(builder.getDenseI32ArrayAttr({static_cast<int32_t>(threads), 1, 1}));
  for (auto [i, attributes] : llvm::enumerate(llvm::make_second_range(extra)))
    function.setArgAttrs(types.size() + i, attributes);
  builder.setInsertionPointToStart(&function.getBody().front());
  auto end = gpu::ReturnOp::create(builder, loc);
  KernelBuilder b(loc, end);
  emit(b, function);
  return function;
}

static void describe(Block &block, llvm::raw_ostream &stream, DenseMap<Value, unsigned> &numbers) {
  auto number = [&](Value value) { return numbers.try_emplace(value, numbers.size()).first->second; };
  for (BlockArgument argument : block.getArguments())
    stream << number(argument) << ":" << argument.getType() << " ";
  for (Operation &op : block) {
    stream << "\n" << op.getName() << op.getRawDictionaryAttrs() << op.getPropertiesAsAttribute();
    for (Value operand : op.getOperands()) {
      Attribute constant;
      if (!numbers.contains(operand) && matchPattern(operand, m_Constant(&constant)))
        stream << " " << constant;
      else
        stream << " " << number(operand);
    }
    for (Value result : op.getResults())
      stream << " " << number(result) << ":" << result.getType();
    for (Region &region : op.getRegions())
      for (Block &nested : region) {
        stream << "{";
        describe(nested, stream, numbers);
        stream << "}";
      }
  }
}

void describe(Block &block, llvm::raw_ostream &stream) {
  DenseMap<Value, unsigned> numbers;
  describe(block, stream, numbers);
}

SmallVector<Value> getCapturedValues(MutableArrayRef<Region> regions) {
  llvm::SetVector<Value> captured;
  getUsedValuesDefinedAbove(regions, captured);
  return llvm::filter_to_vector(captured, [](Value value) { return !matchPattern(value, m_Constant()); });
}

void buildLaunch(KernelBuilder &b, Operation *op, gpu::GPUFuncOp kernel, Value x, Value y, unsigned sharedBytes, ValueRange values) {
  Value one = arith::ConstantIndexOp::create(b, 1), threads = arith::ConstantIndexOp::create(b, kernel.getKnownBlockSizeAttr()[0]);
  auto launch = gpu::LaunchFuncOp::create(b, kernel, gpu::KernelDim3{x, y, one}, gpu::KernelDim3{threads, one, one},
                                          sharedBytes ? b.i32(sharedBytes) : Value(), values);
  if (Attribute site = op->getAttr(kSiteAttr))
    launch->setAttr(kSiteAttr, site);
  noteTraffic(launch, op);
}

Value getBufferPointer(KernelBuilder &b, Value buffer) {
  auto type = cast<MemRefType>(buffer.getType());
  Value address = memref::ExtractAlignedPointerAsIndexOp::create(b, buffer);
  auto [strides, offset] = type.getStridesAndOffset();
  if (offset != 0) {
    Value elements = ShapedType::isDynamic(offset) ? memref::ExtractStridedMetadataOp::create(b, buffer).getOffset()
                                                   : arith::ConstantIndexOp::create(b, offset).getResult();
    Value bytes = arith::ConstantIndexOp::create(b, llvm::divideCeil(type.getElementTypeBitWidth(), 8));
    address = arith::AddIOp::create(b, address, arith::MulIOp::create(b, elements, bytes));
  }
  Value wide = arith::IndexCastOp::create(b, b.getI64Type(), address);
  return LLVM::IntToPtrOp::create(b, LLVM::LLVMPointerType::get(b.getContext(), 1), wide);
}

} // namespace mlir::lowbit
