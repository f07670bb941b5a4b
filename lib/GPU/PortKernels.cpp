//===- PortKernels.cpp - kernels on machines of other makers --------------===//
// Law: a renamed instruction computes the same bits.

#include "PortKernels.h"
#include "lowbit/GPU/KernelBuilder.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/IR/Matchers.h"

namespace mlir::lowbit {

//===----------------------------------------------------------------------===//
// Shared memory
//===----------------------------------------------------------------------===//

/// The address as the kernel uses it: what `KernelBuilder::sharedMemory` makes of the op. Null where it is used otherwise.
static LLVM::IntToPtrOp findAddress(gpu::DynamicSharedMemoryOp memory) {
  Operation *op = memory;
  while (op && !isa<LLVM::IntToPtrOp>(op)) {
    op = op->hasOneUse() ? *op->user_begin() : nullptr;
    if (op && !isa<memref::ExtractAlignedPointerAsIndexOp, arith::IndexCastOp, LLVM::IntToPtrOp>(op))
      return {};
  }
  return cast_or_null<LLVM::IntToPtrOp>(op);
}

LogicalResult fixSharedMemory(ModuleOp module) {
  constexpr unsigned sharedSpace = 3, alignment = 128;
  SymbolTableCollection symbols;
  DenseMap<Operation *, int64_t> bytes;
  module.walk([&](gpu::LaunchFuncOp launch) {
    APInt size;
    if (launch.getDynamicSharedMemorySize() && matchPattern(launch.getDynamicSharedMemorySize(), m_ConstantInt(&size)))
      if (Operation *kernel = symbols.lookupNearestSymbolFrom(launch, launch.getKernel()))
        bytes[kernel] = std::max(bytes[kernel], size.getSExtValue());
  });
  SmallVector<gpu::DynamicSharedMemoryOp> memories;
  module.walk([&](gpu::DynamicSharedMemoryOp memory) { memories.push_back(memory); });
  for (gpu::DynamicSharedMemoryOp memory : memories) {
    auto kernel = memory->getParentOfType<gpu::GPUFuncOp>();
    int64_t size = kernel ? bytes.lookup(kernel) : 0;
    if (size == 0)
      return memory.emitOpError("has a size that no launch gives as a constant; expected one, as this machine's kernels declare it");
    LLVM::IntToPtrOp address = findAddress(memory);
    if (!address)
      return memory.emitOpError("is not used by its address alone");
    OpBuilder builder(kernel);
    auto type = LLVM::LLVMArrayType::get(builder.getI8Type(), size);
    auto global = LLVM::GlobalOp::create(builder, memory.getLoc(), type, /*isConstant=*/false, LLVM::Linkage::Internal,
                                         (kernel.getName() + ".shared").str(), Attribute(), alignment, sharedSpace);
    builder.setInsertionPoint(address);
    address.replaceAllUsesWith(LLVM::AddressOfOp::create(builder, memory.getLoc(), global).getResult());
    for (Operation *op = address; op;) {
      Operation *before = op == memory ? nullptr : op->getOperand(0).getDefiningOp();
      op->erase();
      op = before;
    }
  }
  return success();
}

//===----------------------------------------------------------------------===//
// Instructions
//===----------------------------------------------------------------------===//

/// `sum` plus the products of four bytes in a word with four in another; sums wrap.
static Value buildDot(KernelBuilder &b, KernelCode code, Value left, bool leftSigned, Value right, bool rightSigned, Value sum) {
  Type i32 = b.getI32Type();
  if (code == KernelCode::SPIRV) {
    // The first operand of the mixed one is signed. Not the saturating one: sums may wrap before an epilogue takes zero points off.
    if (!leftSigned && rightSigned)
      return buildDot(b, code, right, true, left, false, sum);
    std::string name = leftSigned == rightSigned ? (leftSigned ? "dot_4x8packed_ss_int" : "dot_4x8packed_uu_uint") : "dot_4x8packed_su_int";
    std::string symbol = "_Z" + std::to_string(name.size()) + name + "jj";
    auto kernels = b.getInsertionBlock()->getParentOp()->getParentOfType<gpu::GPUModuleOp>();
    auto function = kernels.lookupSymbol<LLVM::LLVMFuncOp>(symbol);
    if (!function) {
      OpBuilder builder = OpBuilder::atBlockBegin(kernels.getBody());
      function = LLVM::LLVMFuncOp::create(builder, b.getLoc(), symbol, LLVM::LLVMFunctionType::get(i32, {i32, i32}),
                                          LLVM::Linkage::External, /*dsoLocal=*/false, LLVM::CConv::SPIR_FUNC);
    }
    auto call = LLVM::CallOp::create(b, function, ValueRange{left, right});
    call.setCConv(LLVM::CConv::SPIR_FUNC);
    return b.add(sum, call.getResult());
  }
  if (leftSigned == rightSigned) {
    Value keep = LLVM::ConstantOp::create(b, b.getBoolAttr(false)); // no saturation
    auto name = b.getStringAttr(leftSigned ? "llvm.amdgcn.sdot4" : "llvm.amdgcn.udot4");
    return LLVM::CallIntrinsicOp::create(b, i32, name, ValueRange{left, right, sum, keep}).getResult(0);
  }
  if (leftSigned)
    return buildDot(b, code, right, false, left, true, sum);
  // u = s + 128 with s = u xor 128: sum u * r = sum s * r + 128 * sum r.
  Value offset = arith::XOrIOp::create(b, left, b.i32(0x80808080));
  Value ofRight = buildDot(b, code, b.i32(0x01010101), true, right, true, b.i32(0));
  return b.add(buildDot(b, code, offset, true, right, true, sum), b.mul(ofRight, 128));
}

void portInstructions(gpu::GPUModuleOp kernels, const GPUArchitecture &gpu) {
  kernels.walk([&](Operation *op) {
    KernelBuilder b(op->getLoc(), op);
    Value result;
    if (auto dot = dyn_cast<NVVM::DotAccumulate4WayOp>(op)) {
      auto getWord = [&](Value bytes) { return LLVM::BitcastOp::create(b, b.getI32Type(), bytes).getResult(); };
      auto isSigned = [](NVVM::DotAccumulateType type) { return type == NVVM::DotAccumulateType::SIGNED; };
      result =
          buildDot(b, gpu.code, getWord(dot.getA()), isSigned(dot.getAType()), getWord(dot.getB()), isSigned(dot.getBType()), dot.getC());
    } else if (auto exchange = dyn_cast<NVVM::ShflOp>(op)) {
      // The clamp is the last lane of as many as take part.
      Value width = b.add(exchange.getMaskAndClamp(), 1);
      result = gpu::ShuffleOp::create(b, exchange.getVal(), exchange.getOffset(), width, gpu::ShuffleMode::XOR).getShuffleResult();
    }
    if (!result)
      return;
    op->replaceAllUsesWith(ValueRange(result));
    op->erase();
  });
}

} // namespace mlir::lowbit
