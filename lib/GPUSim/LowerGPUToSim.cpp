//===- LowerGPUToSim.cpp - kernels as functions of the host ---------------===//
// Law: an op is either what it would be on the host, or has a rule; there is no third way through.

#include "Lowering.h"
#include "lowbit/GPUSim/Passes.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/AttrTypeSubElements.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

namespace mlir::lowbit {
#define GEN_PASS_DEF_LOWERGPUTOSIMPASS
#include "lowbit/GPUSim/Passes.h.inc"

namespace {
using namespace gpusim;

struct LowerGPUToSimPass final : impl::LowerGPUToSimPassBase<LowerGPUToSimPass> {
  void runOnOperation() override;
};
} // namespace

static Rules makeRules() {
  Rules rules;
  for (auto *add : {addPlaceRules, addMemoryRules, addBarrierRules, addCopyRules, addMatrixRules, addMmaRules, addMfmaRules, addWarpRules,
                    addScalarRules, addStopRules, addMbarrierRules, addBulkRules, addWarpgroupRules, addTensorRules})
    add(rules);
  return rules;
}

static LogicalResult checkKernel(gpu::GPUFuncOp kernel) {
  if (!kernel.getWorkgroupAttributions().empty() || !kernel.getPrivateAttributions().empty())
    return kernel.emitOpError("has static shared or private memory; expected `gpu.dynamic_shared_memory`");
  for (auto [index, type] : llvm::enumerate(kernel.getArgumentTypes()))
    if (!isa<LLVM::LLVMPointerType>(type) && !type.isIntOrIndexOrFloat())
      return kernel.emitOpError("argument ") << index << " is of type " << type << "; expected pointers and numbers";
  return success();
}

namespace {
/// The ops that a lowering has made itself.
struct MadeOps final : OpBuilder::Listener {
  void notifyOperationInserted(Operation *op, OpBuilder::InsertPoint) override { ops.insert(op); }
  llvm::SmallPtrSet<Operation *, 32> ops;
};
} // namespace

/// Reads the kernel's arguments from where `parameters` points.
static void readArguments(gpu::GPUFuncOp kernel, func::FuncOp function, IRMapping &mapping, MadeOps &made) {
  OpBuilder builder(function.getBody(), &made);
  Location loc = kernel.getLoc();
  Type pointer = LLVM::LLVMPointerType::get(builder.getContext());
  for (auto [index, argument] : llvm::enumerate(kernel.getArguments())) {
    Value place =
        LLVM::GEPOp::create(builder, loc, pointer, pointer, function.getArgument(0), ArrayRef<LLVM::GEPArg>{static_cast<int32_t>(index)});
    Value value = LLVM::LoadOp::create(builder, loc, pointer, place);
    // What is passed by value is where it lies.
    if (!kernel.getArgAttr(index, LLVM::LLVMDialect::getByValAttrName())) {
      Type type = argument.getType();
      auto number = dyn_cast<FloatType>(type);
      const bool isSmall = number && number.getWidth() <= 8; // LLVM has none
      Type stored = isSmall ? builder.getIntegerType(number.getWidth()) : type.isIndex() ? builder.getI64Type() : type;
      value = LLVM::LoadOp::create(builder, loc, stored, value);
      if (type.isIndex())
        value = arith::IndexCastOp::create(builder, loc, type, value);
      else if (isSmall)
        value = arith::BitcastOp::create(builder, loc, type, value);
    }
    mapping.map(argument, value);
  }
}

static func::FuncOp moveToHost(gpu::GPUFuncOp kernel, ModuleOp module, SymbolTable &symbols, StringRef name, MadeOps &made) {
  OpBuilder builder = OpBuilder::atBlockEnd(module.getBody());
  Type pointer = LLVM::LLVMPointerType::get(builder.getContext());
  auto function = func::FuncOp::create(builder, kernel.getLoc(), name, builder.getFunctionType(pointer, {}));
  function.setPrivate();
  symbols.insert(function);
  function.addEntryBlock();
  IRMapping mapping;
  readArguments(kernel, function, mapping, made);
  kernel.getBody().cloneInto(&function.getBody(), mapping);
  // Arguments that are mapped are not cloned; the entry block's ops follow the reads.
  Block *entry = &function.getBody().front(), *cloned = mapping.lookup(&kernel.getBody().front());
  entry->getOperations().splice(entry->end(), cloned->getOperations());
  cloned->erase();
  function.walk([](gpu::ReturnOp op) {
    OpBuilder atReturn(op);
    func::ReturnOp::create(atReturn, op.getLoc());
    op.erase();
  });
  return function;
}

static LogicalResult checkUnruled(Operation *op) {
  StringRef dialect = op->getName().getDialectNamespace();
  if (isa<LLVM::InlineAsmOp>(op))
    return op->emitOpError("has no model; say it with `nvvm` ops");
  const bool isHosts = llvm::is_contained({"arith", "cf", "func", "llvm", "math", "scf", "ub", "vector"}, dialect) ||
                       isa<ViewLikeOpInterface, memref::ExtractAlignedPointerAsIndexOp, memref::AllocaOp, UnrealizedConversionCastOp>(op);
  if (!isHosts)
    return op->emitOpError("has no model, so the simulator cannot run it");
  if (isa<LLVM::CallOp, func::CallOp>(op))
    return op->emitOpError("calls a function, which has no model; inline it");
  auto effects = dyn_cast<MemoryEffectOpInterface>(op);
  if (effects && (effects.hasEffect<MemoryEffects::Read>() || effects.hasEffect<MemoryEffects::Write>()))
    return op->emitOpError(
        "accesses memory in a way that the simulator does not follow; expected loads and stores of elements and vectors");
  return success();
}

static LogicalResult applyRules(func::FuncOp function, const Rules &rules, Lowering &lowering, MadeOps &made) {
  lowering.builder.setListener(&made);
  LogicalResult placed = placeAccumulators(function, lowering);
  lowering.builder.setListener(nullptr);
  if (failed(placed))
    return failure();
  SmallVector<Operation *> ops;
  function.walk<WalkOrder::PreOrder>([&](Operation *op) {
    if (op != function && !made.ops.contains(op))
      ops.push_back(op);
  });
  bool failed = false;
  for (Operation *op : ops) {
    lowering.moveTo(op);
    const Rules::Rule *rule = rules.find(op);
    failed |= mlir::failed(rule ? (*rule)(op, lowering) : checkUnruled(op));
  }
  return failure(failed);
}

/// The host has one memory space.
static void dropMemorySpaces(func::FuncOp function) {
  AttrTypeReplacer replacer;
  replacer.addReplacement([](LLVM::LLVMPointerType type) { return LLVM::LLVMPointerType::get(type.getContext()); });
  replacer.addReplacement(
      [](MemRefType type) -> Type { return MemRefType::get(type.getShape(), type.getElementType(), type.getLayout()); });
  replacer.recursivelyReplaceElementsIn(function, /*replaceAttrs=*/true, /*replaceLocs=*/false, /*replaceTypes=*/true);
}

/// sim::Kernel, under the name that launches use.
static void addKernelGlobal(ModuleOp module, SymbolTable &symbols, func::FuncOp function, StringRef symbol, StringRef name, Sites &sites) {
  if (Operation *declaration = symbols.lookup(symbol))
    symbols.erase(declaration);
  OpBuilder builder = OpBuilder::atBlockEnd(module.getBody());
  Location loc = function.getLoc();
  Type pointer = LLVM::LLVMPointerType::get(builder.getContext());
  auto type = LLVM::LLVMStructType::getLiteral(builder.getContext(), {pointer, pointer});
  auto global = LLVM::GlobalOp::create(builder, loc, type, /*isConstant=*/true, LLVM::Linkage::Internal, symbol, Attribute());
  symbols.insert(global);
  builder.createBlock(&global.getInitializerRegion());
  Value code = func::ConstantOp::create(builder, loc, function.getFunctionType(), function.getSymName());
  Value values[] = {UnrealizedConversionCastOp::create(builder, loc, pointer, code).getResult(0),
                    LLVM::AddressOfOp::create(builder, loc, sites.getString(name))};
  Value initial = LLVM::UndefOp::create(builder, loc, type);
  for (auto [index, value] : llvm::enumerate(values))
    initial = LLVM::InsertValueOp::create(builder, loc, initial, value, index);
  LLVM::ReturnOp::create(builder, loc, initial);
}

void LowerGPUToSimPass::runOnOperation() {
  ModuleOp module = getOperation();
  SymbolTable symbols(module);
  Sites sites(module, symbols);
  const Rules rules = makeRules();
  for (auto container : llvm::make_early_inc_range(module.getOps<gpu::GPUModuleOp>())) {
    for (auto kernel : container.getOps<gpu::GPUFuncOp>()) {
      if (failed(checkKernel(kernel)))
        return signalPassFailure();
      const std::string symbol = (container.getName() + "." + kernel.getName()).str();
      MadeOps made;
      func::FuncOp function = moveToHost(kernel, module, symbols, symbol + ".thread", made);
      Lowering lowering(function, module, symbols, sites);
      if (failed(applyRules(function, rules, lowering, made)))
        return signalPassFailure();
      dropMemorySpaces(function);
      addKernelGlobal(module, symbols, function, symbol, kernel.getName(), sites);
    }
    symbols.erase(container);
  }
  module->removeAttr(gpu::GPUDialect::getContainerModuleAttrName());
}

} // namespace mlir::lowbit
