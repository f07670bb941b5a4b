//===- VerifyGPU.cpp - nothing is left that a GPU has no code for ---------===//
// Law: what passes is selected, assembled and launched; LLVM and upstream conversions say nothing, or end the process, otherwise.

#include "PassGPU.h"
#include "lowbit/Conversion/KernelMath.h"
#include "lowbit/GPU/Float8Mma.h"
#include "lowbit/GPU/Passes.h"
#include "lowbit/IR/Lowbit.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/LLVMIR/ROCDLDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/IR/Matchers.h"

namespace mlir::lowbit {
#define GEN_PASS_DEF_VERIFYGPUPASS
#include "lowbit/GPU/Passes.h.inc"

namespace {
struct Requirement {
  StringLiteral prefix; ///< Of an op's name.
  bool GPUArchitecture::*capability;
  StringLiteral words;
};
} // namespace

/// The first one that fits counts.
static constexpr Requirement requirements[] = {
    {"nvvm.cp.async.bulk", &GPUArchitecture::hasBulkCopy, "bulk copies"},
    {"nvvm.cp.async.", &GPUArchitecture::hasAsyncCopy, "cp.async"},
    {"nvvm.mbarrier.", &GPUArchitecture::hasBulkCopy, "mbarriers that count bytes"},
    {"nvvm.fence.mbarrier", &GPUArchitecture::hasBulkCopy, "mbarriers that count bytes"},
    {"nvvm.fence.proxy", &GPUArchitecture::hasBulkCopy, "bulk copies"},
    {"nvvm.elect.sync", &GPUArchitecture::hasBulkCopy, "elect.sync"},
    {"nvvm.stmatrix", &GPUArchitecture::hasBulkCopy, "stmatrix"},
    {"nvvm.cluster.", &GPUArchitecture::hasBulkCopy, "clusters"},
    {"nvvm.griddepcontrol", &GPUArchitecture::hasBulkCopy, "dependent launches"},
    {"nvvm.redux", &GPUArchitecture::hasAsyncCopy, "redux.sync"},
    {"nvvm.setmaxregister", &GPUArchitecture::hasWarpgroupMma, "setmaxnreg"},
    {"nvvm.wgmma.", &GPUArchitecture::hasWarpgroupMma, "wgmma"},
    {"nvvm.tcgen05.", &GPUArchitecture::hasTensorMemoryMma, "tcgen05"},
};

/// What machines other than NVIDIA's have, too, under another name.
static bool isCommon(Operation *op) {
  auto exchange = dyn_cast<NVVM::ShflOp>(op);
  return exchange ? exchange.getKind() == NVVM::ShflKind::bfly : isa<NVVM::DotAccumulate4WayOp>(op);
}

/// Memory of a thread, which is the device's, however near it sounds.
static bool isLocalMemory(Operation *op) {
  auto function = dyn_cast<gpu::GPUFuncOp>(op);
  return isa<LLVM::AllocaOp, memref::AllocOp, memref::AllocaOp>(op) || (function && function.getNumPrivateAttributions() != 0);
}

static bool isShared(Type type) {
  if (auto pointer = dyn_cast<LLVM::LLVMPointerType>(type))
    return pointer.getAddressSpace() == 3;
  auto buffer = dyn_cast<MemRefType>(type);
  auto space = buffer ? dyn_cast_or_null<gpu::AddressSpaceAttr>(buffer.getMemorySpace()) : gpu::AddressSpaceAttr();
  return space && space.getValue() == gpu::AddressSpace::Workgroup;
}

namespace {
struct VerifyGPUPass final : impl::VerifyGPUPassBase<VerifyGPUPass> {
  using VerifyGPUPassBase::VerifyGPUPassBase;

  void runOnOperation() override {
    gpu = getPassGPU(getOperation(), target);
    if (!gpu)
      return signalPassFailure();
    bool isValid = true;
    getOperation().walk([&](Operation *op) { isValid &= succeeded(verify(op)); });
    markAllAnalysesPreserved();
    if (!isValid)
      signalPassFailure();
  }

private:
  LogicalResult verify(Operation *op) const {
    if (isa<MatmulOp, GroupedMatmulOp, ContractOp>(op))
      return op->emitOpError("is left without a kernel");
    if (auto launch = dyn_cast<gpu::LaunchFuncOp>(op))
      return verifyLaunch(launch);
    if (!op->getParentOfType<gpu::GPUModuleOp>())
      return success();
    auto isBFloat16 = [](Type type) { return getElementTypeOrSelf(type).isBF16(); };
    if (!gpu->hasBFloat16 && (llvm::any_of(op->getOperandTypes(), isBFloat16) || llvm::any_of(op->getResultTypes(), isBFloat16)))
      return op->emitOpError() << "is of bf16, which " << gpu->chip << " does not have; expected f16 or f32";
    if (failed(verifyMemory(op)) || failed(verifyAlignment(op)) || failed(verifyInstruction(op)))
      return failure();
    if (op->getDialect() && op->getDialect()->getNamespace() == "math" && getKernelIntrinsic(op).empty())
      return op->emitOpError("is no instruction of a GPU; expected `lowbit-approximate-math` to have expanded it");
    return success();
  }

  LogicalResult verifyLaunch(gpu::LaunchFuncOp launch) const {
    APInt bytes, threads;
    Value shared = launch.getDynamicSharedMemorySize();
    if (shared && matchPattern(shared, m_ConstantInt(&bytes)) && bytes.getZExtValue() > gpu->maxSharedBytes)
      return launch.emitOpError() << "takes " << bytes.getZExtValue() << " bytes of shared memory; a block of " << gpu->chip << " has "
                                  << gpu->maxSharedBytes;
    uint64_t total = 1;
    for (Value size : {launch.getBlockSizeX(), launch.getBlockSizeY(), launch.getBlockSizeZ()})
      total *= matchPattern(size, m_ConstantInt(&threads)) ? threads.getZExtValue() : 1;
    if (total > GPUArchitecture::maxThreads)
      return launch.emitOpError() << "has blocks of " << total << " threads; expected at most " << GPUArchitecture::maxThreads;
    APInt blocks;
    for (Value size : {launch.getGridSizeY(), launch.getGridSizeZ()})
      if (matchPattern(size, m_ConstantInt(&blocks)) && blocks.ugt(GPUArchitecture::maxBlocksAcross))
        return launch.emitOpError() << "has " << blocks.getZExtValue() << " blocks along y or z; expected at most "
                                    << GPUArchitecture::maxBlocksAcross << ": split its rows";
    return success();
  }

  static LogicalResult verifyMemory(Operation *op) {
    bool isStatic = false;
    if (auto function = dyn_cast<gpu::GPUFuncOp>(op))
      isStatic = function.getNumWorkgroupAttributions() != 0;
    else if (auto global = dyn_cast<memref::GlobalOp>(op))
      isStatic = isShared(global.getType());
    else if (isa<memref::AllocOp, memref::AllocaOp>(op))
      isStatic = isShared(op->getResult(0).getType());
    if (isStatic)
      return op->emitOpError("has static shared memory; expected `gpu.dynamic_shared_memory`");
    if (isLocalMemory(op))
      return op->emitOpError("has memory of a thread, which is local memory; expected values, which are in registers, or "
                             "`gpu.dynamic_shared_memory`");
    return success();
  }

  static LogicalResult verifyAlignment(Operation *op) {
    auto check = [&](Type type, std::optional<uint64_t> alignment) -> LogicalResult {
      auto vector = dyn_cast<VectorType>(type);
      if (!vector || !alignment)
        return success();
      uint64_t bytes = llvm::divideCeil(vector.getNumElements() * vector.getElementTypeBitWidth(), 8);
      if (*alignment < std::min<uint64_t>(bytes, 16))
        return op->emitOpError() << "has " << type << " at an alignment of " << *alignment << "; expected " << std::min<uint64_t>(bytes, 16)
                                 << ", or it would be taken apart";
      return success();
    };
    if (auto load = dyn_cast<LLVM::LoadOp>(op))
      return check(load.getType(), load.getAlignment());
    if (auto store = dyn_cast<LLVM::StoreOp>(op))
      return check(store.getValue().getType(), store.getAlignment());
    return success();
  }

  LogicalResult verifyInstruction(Operation *op) const {
    if (isa<NVVM::ShflOp>(op) && !gpu->hasShuffle)
      return op->emitOpError() << "needs threads that read each other's registers, which " << gpu->chip << " does not have";
    if (isa<NVVM::DotAccumulate4WayOp>(op) && !gpu->hasByteDot)
      return op->emitOpError() << "is a dot product of bytes, which " << gpu->chip << " does not have";
    if (isa<cf::AssertOp>(op) && gpu->code == KernelCode::SPIRV)
      return op->emitOpError() << "stops a kernel, for which " << gpu->chip
                               << " has no instruction; expected indices that are held in bounds";
    bool isNVIDIAs = isa_and_nonnull<NVVM::NVVMDialect>(op->getDialect());
    bool isAMDs = isa_and_nonnull<ROCDL::ROCDLDialect>(op->getDialect());
    if ((isNVIDIAs && gpu->code != KernelCode::PTX && !isCommon(op)) || (isAMDs && gpu->code != KernelCode::AMDGCN))
      return op->emitOpError() << "is an instruction of another machine than " << gpu->chip;
    if (isa<ROCDL::mfma_i32_16x16x32_i8>(op) && gpu->mfmaDepth < 32)
      return op->emitOpError() << "takes 32 bytes of the reduction; expected the instruction of " << gpu->chip << ", which takes "
                               << gpu->mfmaDepth;
    if (auto mma = dyn_cast<NVVM::MmaOp>(op))
      return verifyProduct(mma);
    if (auto call = dyn_cast<LLVM::CallIntrinsicOp>(op); call && parseFloat8MmaName(call.getIntrin()) && !gpu->hasFloat8Mma)
      return call.emitOpError() << "is a product of 8-bit floats, which " << gpu->chip << " does not have";
    StringRef name = op->getName().getStringRef();
    for (const Requirement &requirement : requirements)
      if (name.starts_with(requirement.prefix))
        return gpu->*requirement.capability
                   ? success()
                   : LogicalResult(op->emitOpError() << "needs " << requirement.words << ", which " << gpu->chip << " does not have");
    return success();
  }

  LogicalResult verifyProduct(NVVM::MmaOp mma) const {
    if (!mma.getMultiplicandAPtxType())
      return success();
    NVVM::MMATypes type = *mma.getMultiplicandAPtxType();
    bool isByte = type == NVVM::MMATypes::s8 || type == NVVM::MMATypes::u8;
    if (isByte && !(mma.getShape().getM() == 16 ? gpu->hasByteMma : gpu->hasSmallByteMma))
      return mma.emitOpError() << "is a product of bytes that " << gpu->chip << " does not have";
    if (type == NVVM::MMATypes::b1 && !gpu->hasBinaryMma)
      return mma.emitOpError() << "is a product of bits, which " << gpu->chip << " does not have in hardware";
    return success();
  }

  const GPUArchitecture *gpu = nullptr;
};
} // namespace
} // namespace mlir::lowbit
