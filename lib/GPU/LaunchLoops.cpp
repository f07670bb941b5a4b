//===- LaunchLoops.cpp - what is no product of integers, on the device ----===//
// Law: an element of a result is computed by the ops of the region in the order of the host's loops, unless that order makes no difference.

#include "KernelModule.h"
#include "LoopKernel.h"
#include "lowbit/GPU/Passes.h"
#include "lowbit/Targets/GPUArchitecture.h"
#include "lowbit/Targets/Resolve.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

namespace mlir::lowbit {
#define GEN_PASS_DEF_LAUNCHLOOPSPASS
#include "lowbit/GPU/Passes.h.inc"

int64_t LoopOp::getThreads() const { return isShared() ? getElements() * warp : getElements() / neighbours; }

FailureOr<LoopOp> LoopOp::find(linalg::LinalgOp op, const GPUArchitecture *architecture) {
  LoopOp loops{op, getCapturedValues(op->getRegions()), op.getStaticLoopRanges(), {}, {}, {}};
  if (llvm::any_of(loops.sizes, ShapedType::isDynamic))
    return op.emitOpError("has a loop of dynamic size; expected sizes that are known, as kernels have them as constants");
  for (Value value : llvm::concat<Value>(SmallVector<Value>(op->getOperands()), SmallVector<Value>(loops.captured)))
    if (auto type = dyn_cast<MemRefType>(value.getType())) {
      auto [strides, offset] = type.getStridesAndOffset();
      if (llvm::any_of(strides, ShapedType::isDynamic) || !type.getElementType().isIntOrFloat())
        return op.emitOpError() << "has an operand of type " << type << "; expected known strides, and integers or floats as elements";
    }
  for (auto [loop, iterator] : llvm::enumerate(op.getIteratorTypesArray()))
    (iterator == utils::IteratorType::parallel ? loops.parallel : loops.reductions).push_back(loop);
  SumOrder order = !architecture || architecture->hasShuffle ? findLoopOrder(op) : SumOrder();
  if (failed(verifySumOrder(op, order)))
    return failure();
  if (!order.isPlain())
    for (unsigned i = 0; i < static_cast<unsigned>(op.getNumDpsInits()); ++i)
      loops.combiners.push_back(findCombiner(op, i));
  chooseNeighbours(loops, architecture ? architecture->multiprocessors : 1);
  if (constexpr int64_t most = std::numeric_limits<int32_t>::max(); loops.getThreads() > most)
    return op.emitOpError() << "takes " << loops.getThreads() << " threads; expected at most " << most
                            << ", as they are counted in 32 bits";
  return loops;
}

namespace {
struct LaunchLoopsPass final : impl::LaunchLoopsPassBase<LaunchLoopsPass> {
  using LaunchLoopsPassBase::LaunchLoopsPassBase;

  void runOnOperation() override {
    IRRewriter rewriter(&getContext());
    SmallVector<memref::CopyOp> copies;
    getOperation().walk([&](memref::CopyOp op) { copies.push_back(op); });
    for (memref::CopyOp copy : copies) {
      rewriter.setInsertionPoint(copy);
      rewriter.replaceOpWithNewOp<linalg::CopyOp>(copy, copy.getSource(), copy.getTarget());
    }
    SmallVector<linalg::LinalgOp> ops;
    getOperation().walk([&](linalg::LinalgOp op) { ops.push_back(op); });
    KernelModule kernels(getOperation());
    QuantTargetAttrInterface target = getTarget(getOperation());
    const GPUArchitecture *architecture = target ? target.getGPU() : nullptr;
    for (linalg::LinalgOp op : ops)
      if (failed(launch(op, kernels, architecture)))
        return signalPassFailure();
  }

private:
  static LogicalResult launch(linalg::LinalgOp op, KernelModule &kernels, const GPUArchitecture *architecture) {
    if (op->getNumOperands() != 0 && !op.hasPureBufferSemantics()) // one without operands asserts what it reads from around it
      return op.emitOpError("is on tensors; expected buffers");
    FailureOr<LoopOp> loops = LoopOp::find(op, architecture);
    if (failed(loops))
      return failure();
    KernelBuilder host(op.getLoc(), op);
    SmallVector<Value> values;
    for (Value value : llvm::concat<Value>(SmallVector<Value>(op->getOperands()), SmallVector<Value>(loops->captured)))
      values.push_back(isa<MemRefType>(value.getType()) ? getBufferPointer(host, value) : toLoopArgument(host, value));
    gpu::GPUFuncOp function =
        kernels.get(getText(*loops), "loops", op.getLoc(), ValueRange(values).getTypes(), {}, LoopOp::threadsPerBlock,
                    [&](KernelBuilder &b, gpu::GPUFuncOp kernel) { emitLoopKernel(b, *loops, kernel.getArguments()); });
    Value one = arith::ConstantIndexOp::create(host, 1);
    Value blocks = arith::ConstantIndexOp::create(host, llvm::divideCeil(loops->getThreads(), LoopOp::threadsPerBlock));
    buildLaunch(host, op, function, blocks, one, /*sharedBytes=*/0, values);
    op->erase();
    return success();
  }

  /// All that the kernel depends on.
  static std::string getText(const LoopOp &loops) {
    std::string text;
    llvm::raw_string_ostream stream(text);
    linalg::LinalgOp op = loops.op;
    for (int64_t size : loops.sizes)
      stream << size << "x";
    stream << loops.parallel.size() << "n" << loops.neighbours;
    for (unsigned loop : loops.parallel)
      stream << "," << loop;
    for (auto [operand, map] : llvm::zip(op->getOperands(), op.getIndexingMapsArray()))
      stream << operand.getType() << map;
    for (Value value : loops.captured)
      stream << value.getType();
    describe(*op.getBlock(), stream);
    return text;
  }
};
} // namespace
} // namespace mlir::lowbit
