//===- LowerLaunches.cpp - launches become calls of the device ------------===//
// Law: what is left of a function that launches kernels is arithmetic on addresses: the host reads and writes no memory of the device.

#include "lowbit/Conversion/KernelSymbols.h"
#include "lowbit/Conversion/Passes.h"
#include "mlir/Conversion/LLVMCommon/MemRefBuilder.h"
#include "mlir/Conversion/LLVMCommon/TypeConverter.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Interfaces/ControlFlowInterfaces.h"

namespace mlir::lowbit {
#define GEN_PASS_DEF_LOWERLAUNCHESPASS
#include "lowbit/Conversion/Passes.h.inc"

std::string getKernelSymbol(StringRef module, StringRef kernel) { return (module + "." + kernel).str(); }

LLVM::LLVMFuncOp declareFunction(ModuleOp module, StringRef name, Type result, ArrayRef<Type> arguments) {
  if (auto function = module.lookupSymbol<LLVM::LLVMFuncOp>(name))
    return function;
  OpBuilder builder = OpBuilder::atBlockBegin(module.getBody());
  return LLVM::LLVMFuncOp::create(builder, module.getLoc(), name, LLVM::LLVMFunctionType::get(result, arguments));
}

namespace {
/// Makes the ops of one module.
class Lowering {
public:
  explicit Lowering(ModuleOp module)
      : module(module), builder(module.getContext()), pointer(LLVM::LLVMPointerType::get(module.getContext())), i32(builder.getI32Type()),
        i64(builder.getI64Type()), converter(module.getContext()) {}

  void declareProgram();
  LogicalResult lowerLaunch(gpu::LaunchFuncOp launch);
  void lowerConstant(memref::GetGlobalOp constant);

private:
  LLVM::GlobalOp getGlobal(StringRef name, Type type, LLVM::Linkage linkage, function_ref<void()> build);
  Value addressOf(Location loc, LLVM::GlobalOp global) { return LLVM::AddressOfOp::create(builder, loc, global); }
  Value constant(Location loc, int64_t value, Type type) {
    return LLVM::ConstantOp::create(builder, loc, builder.getIntegerAttr(type, value));
  }
  Value toInteger(Location loc, Value value, Type type);
  FailureOr<Value> buildParameter(gpu::LaunchFuncOp launch, unsigned index, Operation *kernel);
  Value allocateOnce(Operation *user, Type type);

  ModuleOp module;
  OpBuilder builder;
  Type pointer, i32, i64;
  LLVMTypeConverter converter;
};
} // namespace

/// The global of that name; where there is none, `build` fills the body of a new one, if it is given.
LLVM::GlobalOp Lowering::getGlobal(StringRef name, Type type, LLVM::Linkage linkage, function_ref<void()> build) {
  if (auto global = module.lookupSymbol<LLVM::GlobalOp>(name))
    return global;
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointToStart(module.getBody());
  auto global = LLVM::GlobalOp::create(builder, module.getLoc(), type, /*isConstant=*/false, linkage, name, Attribute());
  if (build) {
    builder.createBlock(&global.getInitializerRegion());
    build();
  }
  return global;
}

void Lowering::declareProgram() {
  getGlobal(programSymbol, pointer, LLVM::Linkage::External, [&] {
    Value null = LLVM::ZeroOp::create(builder, module.getLoc(), pointer);
    LLVM::ReturnOp::create(builder, module.getLoc(), null);
  });
}

Value Lowering::toInteger(Location loc, Value value, Type type) {
  if (value.getType().isIndex())
    return arith::IndexCastOp::create(builder, loc, type, value);
  if (value.getType().getIntOrFloatBitWidth() > type.getIntOrFloatBitWidth())
    return arith::TruncIOp::create(builder, loc, type, value);
  return value;
}

/// Memory of the function that `user` is in, which loops do not take again.
Value Lowering::allocateOnce(Operation *user, Type type) {
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointToStart(&user->getParentOfType<func::FuncOp>().getBody().front());
  return LLVM::AllocaOp::create(builder, user->getLoc(), pointer, type, constant(user->getLoc(), 1, i64));
}

/// The address that the device reads an argument of `kernel` from.
FailureOr<Value> Lowering::buildParameter(gpu::LaunchFuncOp launch, unsigned index, Operation *kernel) {
  Value value = launch.getKernelOperand(index);
  Location loc = launch.getLoc();
  auto function = dyn_cast<FunctionOpInterface>(kernel);
  if (function && function.getArgAttr(index, LLVM::LLVMDialect::getByValAttrName()))
    return value;
  if (value.getType().isIndex())
    value = arith::IndexCastOp::create(builder, loc, i64, value);
  if (auto number = dyn_cast<FloatType>(value.getType()); number && number.getWidth() <= 8) // LLVM has none
    value = arith::BitcastOp::create(builder, loc, builder.getIntegerType(number.getWidth()), value);
  if (!value.getType().isIntOrFloat() && !isa<LLVM::LLVMPointerType>(value.getType()))
    return launch.emitError() << "argument " << index << " of kernel " << launch.getKernel() << " has type " << value.getType()
                              << "; expected a number or an `!llvm.ptr`",
           failure();
  Value slot = allocateOnce(launch, value.getType());
  LLVM::StoreOp::create(builder, loc, value, slot);
  return slot;
}

LogicalResult Lowering::lowerLaunch(gpu::LaunchFuncOp launch) {
  Location loc = launch.getLoc();
  if (!launch.getAsyncDependencies().empty() || launch.getAsyncToken())
    return launch.emitError("is asynchronous; expected launches in the order in which they run");
  if (launch.hasClusterSize())
    return launch.emitError("has a size of clusters; expected it on the kernel, as `nvvm.cluster_dim`");
  Operation *kernel = SymbolTable::lookupNearestSymbolFrom(launch, launch.getKernel());
  if (!kernel)
    return launch.emitError() << "kernel " << launch.getKernel() << " is not there any more; lower launches before kernels";
  builder.setInsertionPoint(launch);
  SmallVector<Value> arguments;
  std::string symbol = getKernelSymbol(launch.getKernelModuleName(), launch.getKernelName());
  auto type = LLVM::LLVMArrayType::get(builder.getI8Type(), 0);
  arguments.push_back(addressOf(loc, getGlobal(symbol, type, LLVM::Linkage::External, {})));
  gpu::KernelDim3 grid = launch.getGridSizeOperandValues(), block = launch.getBlockSizeOperandValues();
  for (Value size : {grid.x, grid.y, grid.z, block.x, block.y, block.z})
    arguments.push_back(toInteger(loc, size, i32));
  Value shared = launch.getDynamicSharedMemorySize();
  arguments.push_back(shared ? shared : constant(loc, 0, i32));
  unsigned count = launch.getNumKernelOperands();
  Value parameters = allocateOnce(launch, LLVM::LLVMArrayType::get(pointer, count));
  for (unsigned i = 0; i < count; ++i) {
    FailureOr<Value> parameter = buildParameter(launch, i, kernel);
    if (failed(parameter))
      return failure();
    Value slot = LLVM::GEPOp::create(builder, loc, pointer, pointer, parameters, LLVM::GEPArg(static_cast<int32_t>(i)));
    LLVM::StoreOp::create(builder, loc, *parameter, slot);
  }
  arguments.append({parameters, constant(loc, count, i32)});
  LLVM::LLVMFuncOp function = declareFunction(module, "lowbit_gpu_launch", i32, {pointer, i32, i32, i32, i32, i32, i32, i32, pointer, i32});
  LLVM::CallOp::create(builder, loc, function, arguments);
  launch.erase();
  return success();
}

void Lowering::lowerConstant(memref::GetGlobalOp constantOp) {
  Location loc = constantOp.getLoc();
  builder.setInsertionPointAfter(constantOp);
  auto type = LLVM::LLVMStructType::getLiteral(builder.getContext(), {pointer, pointer});
  LLVM::GlobalOp handle = getGlobal((constantOp.getName() + ".device").str(), type, LLVM::Linkage::Internal, [&] {
    Value value = LLVM::ZeroOp::create(builder, loc, type);
    Value program = LLVM::AddressOfOp::create(builder, loc, pointer, programSymbol);
    LLVM::ReturnOp::create(builder, loc, LLVM::InsertValueOp::create(builder, loc, value, program, ArrayRef<int64_t>{0}).getResult());
  });
  auto memref = cast<MemRefType>(constantOp.getType());
  int64_t bytes = memref.getNumElements() * llvm::divideCeil(memref.getElementTypeBitWidth(), 8); // whole bytes for each, as on the host
  Value address = memref::ExtractAlignedPointerAsIndexOp::create(builder, loc, constantOp);
  Value word = arith::IndexCastOp::create(builder, loc, i64, address);
  Value host = LLVM::IntToPtrOp::create(builder, loc, pointer, word);
  LLVM::LLVMFuncOp function = declareFunction(module, "lowbit_gpu_constant", pointer, {pointer, pointer, i64});
  Value device =
      LLVM::CallOp::create(builder, loc, function, ValueRange{addressOf(loc, handle), host, constant(loc, bytes, i64)}).getResult();
  Value descriptor = MemRefDescriptor::fromStaticShape(builder, loc, converter, memref, device);
  auto cast = UnrealizedConversionCastOp::create(builder, loc, memref, descriptor);
  constantOp.getResult().replaceAllUsesExcept(cast.getResult(0), address.getDefiningOp());
}

/// Whether `op` reads or writes what a memref is of. Control flow is judged by what is in it.
static bool touchesMemory(Operation *op) {
  bool hasMemory = llvm::any_of(op->getOperandTypes(), llvm::IsaPred<BaseMemRefType>);
  if (isa<memref::AllocOp, memref::AllocaOp>(op))
    return true;
  if (!hasMemory || isa<CallOpInterface, gpu::LaunchFuncOp, RegionBranchOpInterface>(op) || op->hasTrait<OpTrait::IsTerminator>())
    return false;
  return !isMemoryEffectFree(op);
}

static LogicalResult checkHost(func::FuncOp function) {
  WalkResult result = function.walk([](Operation *op) {
    if (!touchesMemory(op))
      return WalkResult::advance();
    op->emitError("is left for the host, which cannot read or write the device's memory; expected a kernel");
    return WalkResult::interrupt();
  });
  return failure(result.wasInterrupted());
}

namespace {
struct LowerLaunchesPass final : impl::LowerLaunchesPassBase<LowerLaunchesPass> {
  void runOnOperation() override {
    ModuleOp module = getOperation();
    for (auto function : module.getOps<func::FuncOp>())
      if (failed(checkHost(function)))
        return signalPassFailure();
    Lowering lowering(module);
    lowering.declareProgram();
    SmallVector<gpu::LaunchFuncOp> launches;
    SmallVector<memref::GetGlobalOp> constants;
    for (auto function : module.getOps<func::FuncOp>()) {
      function.walk([&](gpu::LaunchFuncOp op) { launches.push_back(op); });
      function.walk([&](memref::GetGlobalOp op) { constants.push_back(op); });
    }
    for (memref::GetGlobalOp constant : constants)
      lowering.lowerConstant(constant);
    for (gpu::LaunchFuncOp launch : launches)
      if (failed(lowering.lowerLaunch(launch)))
        return signalPassFailure();
    module->removeAttr(gpu::GPUDialect::getContainerModuleAttrName());
  }
};
} // namespace
} // namespace mlir::lowbit
