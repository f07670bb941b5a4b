//===- SerializeKernels.cpp - kernels become bytes of the host's code ------===//
// Law: a kernel calls nothing that is not in its module; what the assembler says about it is kept or reported, never lost.

#include "Assembler.h"
#include "KernelCodeGen.h"
#include "lowbit/Conversion/KernelSymbols.h"
#include "lowbit/Conversion/Passes.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/Remarks.h"
#include "mlir/Target/LLVMIR/Dialect/All.h"

namespace mlir::lowbit {
#define GEN_PASS_DEF_SERIALIZEKERNELSPASS
#include "lowbit/Conversion/Passes.h.inc"

//===----------------------------------------------------------------------===//
// Globals
//===----------------------------------------------------------------------===//

/// What the host calls a kernel by: DeviceKernel in lowbit/Execution/Device.h.
static void defineKernel(OpBuilder &builder, Location loc, StringRef symbol, ArrayRef<LLVM::GlobalOp> pieces, int64_t bytes,
                         bool startsEarly) {
  Type pointer = LLVM::LLVMPointerType::get(builder.getContext()), i64 = builder.getI64Type();
  auto type = LLVM::LLVMStructType::getLiteral(builder.getContext(), {pointer, pointer, i64, pointer, pointer, pointer, i64, pointer});
  auto global = LLVM::GlobalOp::create(builder, loc, type, /*isConstant=*/false, LLVM::Linkage::Internal, symbol, Attribute());
  OpBuilder::InsertionGuard guard(builder);
  builder.createBlock(&global.getInitializerRegion());
  Value value = LLVM::ZeroOp::create(builder, loc, type);
  auto insert = [&](Value field, int64_t place) { value = LLVM::InsertValueOp::create(builder, loc, value, field, place); };
  insert(LLVM::AddressOfOp::create(builder, loc, pointer, programSymbol), 0);
  insert(LLVM::AddressOfOp::create(builder, loc, pieces[0]), 1);
  insert(LLVM::ConstantOp::create(builder, loc, builder.getI64IntegerAttr(bytes)), 2);
  insert(LLVM::AddressOfOp::create(builder, loc, pieces[1]), 3);
  insert(LLVM::AddressOfOp::create(builder, loc, pieces[2]), 4);
  insert(LLVM::AddressOfOp::create(builder, loc, pieces[3]), 5);
  insert(LLVM::ConstantOp::create(builder, loc, builder.getI64IntegerAttr(startsEarly)), 6);
  LLVM::ReturnOp::create(builder, loc, value);
}

static LLVM::GlobalOp createBytes(OpBuilder &builder, Location loc, const Twine &name, StringRef bytes, unsigned alignment) {
  auto type = LLVM::LLVMArrayType::get(builder.getI8Type(), bytes.size());
  return LLVM::GlobalOp::create(builder, loc, type, /*isConstant=*/true, LLVM::Linkage::Internal, name.str(), builder.getStringAttr(bytes),
                                alignment);
}

/// A text with the zero that C ends it with.
static LLVM::GlobalOp createText(OpBuilder &builder, Location loc, const Twine &name, StringRef text) {
  return createBytes(builder, loc, name, StringRef(text.str().c_str(), text.size() + 1), /*alignment=*/1);
}

/// What its arguments are, as DeviceKernel says it.
static std::string describeParameters(LLVM::LLVMFuncOp kernel) {
  std::string text;
  for (auto [index, type] : llvm::enumerate(kernel.getArgumentTypes()))
    text += kernel.getArgAttr(index, LLVM::LLVMDialect::getByValAttrName()) ? 'm'
            : isa<LLVM::LLVMPointerType>(type) ? 'p'
                                               : static_cast<char>('0' + llvm::divideCeil(type.getIntOrFloatBitWidth(), 8));
  return text;
}

/// Whether a kernel waits itself for those before it.
static bool waitsForOthers(LLVM::LLVMFuncOp kernel) {
  WalkResult found = kernel.walk([](NVVM::GriddepcontrolOp op) {
    return op.getKind() == NVVM::GridDepActionKind::wait ? WalkResult::interrupt() : WalkResult::advance();
  });
  return found.wasInterrupted();
}

/// What kernels take, by their names.
static DictionaryAttr describeResources(Builder &builder, ArrayRef<KernelResources> kernels) {
  SmallVector<NamedAttribute> all;
  for (const KernelResources &kernel : kernels) {
    auto number = [&](StringRef name, unsigned value) { return builder.getNamedAttr(name, builder.getI64IntegerAttr(value)); };
    NamedAttribute numbers[] = {number("registers", kernel.registers), number("spill_bytes", kernel.spillBytes),
                                number("stack_bytes", kernel.stackBytes)};
    all.push_back(builder.getNamedAttr(kernel.name, builder.getDictionaryAttr(numbers)));
  }
  return builder.getDictionaryAttr(all);
}

/// `image` in place of `kernels`, and a global for each kernel that is launched.
static void embed(gpu::GPUModuleOp kernels, StringRef chipName, StringRef image, StringRef assembly, ArrayRef<KernelResources> resources) {
  auto module = kernels->getParentOfType<ModuleOp>();
  OpBuilder builder(kernels);
  Location loc = kernels.getLoc();
  std::string name = kernels.getName().str();
  LLVM::GlobalOp bytes = createBytes(builder, loc, name + ".image", image, /*alignment=*/64);
  bytes->setAttr(kernelTextAttrName, builder.getStringAttr(assembly));
  if (!resources.empty())
    bytes->setAttr(kernelResourcesAttrName, describeResources(builder, resources));
  LLVM::GlobalOp chip = createText(builder, loc, name + ".chip", chipName);
  for (auto function : kernels.getOps<LLVM::LLVMFuncOp>()) {
    std::string symbol = getKernelSymbol(name, function.getName());
    auto declared = module.lookupSymbol<LLVM::GlobalOp>(symbol);
    if (!declared)
      continue;
    declared.erase();
    LLVM::GlobalOp label = createText(builder, loc, symbol + ".name", function.getName());
    LLVM::GlobalOp parameters = createText(builder, loc, symbol + ".parameters", describeParameters(function));
    defineKernel(builder, loc, symbol, {bytes, chip, label, parameters}, static_cast<int64_t>(image.size()), waitsForOthers(function));
  }
  kernels.erase();
}

static void reportResources(gpu::GPUModuleOp module, ArrayRef<KernelResources> kernels) {
  for (const KernelResources &kernel : kernels) {
    Operation *function = module.lookupSymbol(kernel.name);
    remark::passed(function ? function->getLoc() : module.getLoc(),
                   remark::RemarkOpts::name("assemble").category("lowbit").function(kernel.name))
        << remark::metric("registers", kernel.registers) << remark::metric("spill_bytes", kernel.spillBytes)
        << remark::metric("stack_bytes", kernel.stackBytes);
  }
}

namespace {
struct SerializeKernelsPass final : impl::SerializeKernelsPassBase<SerializeKernelsPass> {
  using SerializeKernelsPassBase::SerializeKernelsPassBase;

  void getDependentDialects(DialectRegistry &registry) const override {
    registerAllToLLVMIRTranslations(registry);
    registry.insert<LLVM::LLVMDialect, NVVM::NVVMDialect>();
  }

  void runOnOperation() override {
    ModuleOp module = getOperation();
    for (auto kernels : llvm::make_early_inc_range(module.getOps<gpu::GPUModuleOp>()))
      if (failed(serialize(kernels)))
        return signalPassFailure();
  }

  LogicalResult serialize(gpu::GPUModuleOp kernels) {
    FailureOr<KernelMachine> machine = KernelMachine::get(kernels);
    if (failed(machine))
      return failure();
    for (Operation &op : *kernels.getBody())
      if (isa<gpu::GPUFuncOp>(op))
        return op.emitError("is not in the LLVM dialect; expected kernels that are lowered");
    FailureOr<KernelText> text = emitKernels(kernels, *machine);
    if (failed(text))
      return failure();
    FailureOr<Assembly> finished = finish(kernels, *machine, *text);
    if (failed(finished))
      return failure();
    reportResources(kernels, finished->kernels);
    embed(kernels, machine->chip, finished->binary.empty() ? text->assembly + '\0' : finished->binary, text->assembly, finished->kernels);
    return success();
  }

  /// What is loaded, by the tools that there are; nothing where the assembly is.
  FailureOr<Assembly> finish(gpu::GPUModuleOp kernels, const KernelMachine &machine, const KernelText &text) {
    auto emitError = [&] { return kernels.emitError(); };
    if (machine.triple.isSPIRV())
      return Assembly{text.object, {}};
    if (!assemble)
      return Assembly();
    return machine.triple.isAMDGCN() ? linkAMDGCN(text.object, text.assembly, emitError)
                                     : assemblePTX(text.assembly, machine.chip, emitError);
  }
};
} // namespace
} // namespace mlir::lowbit
