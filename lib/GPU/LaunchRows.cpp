//===- LaunchRows.cpp - loops over rows, on the device --------------------===//
// Law: every loop that `lowbit-form-rows` made becomes one launch.

#include "KernelModule.h"
#include "RowKernel.h"
#include "lowbit/GPU/Passes.h"
#include "lowbit/IR/Lowbit.h"
#include "lowbit/Targets/Resolve.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

namespace mlir::lowbit {
#define GEN_PASS_DEF_LAUNCHROWSPASS
#include "lowbit/GPU/Passes.h.inc"

namespace {
struct LaunchRowsPass final : impl::LaunchRowsPassBase<LaunchRowsPass> {
  using LaunchRowsPassBase::LaunchRowsPassBase;

  void runOnOperation() override {
    SmallVector<scf::ForallOp> loops;
    getOperation().walk([&](scf::ForallOp loop) { loops.push_back(loop); });
    if (loops.empty())
      return;
    FailureOr<QuantTargetAttrInterface> resolved = getPassTarget(getOperation(), target);
    if (failed(resolved))
      return signalPassFailure();
    const GPUArchitecture *gpu = resolved->getGPU();
    if (!gpu) {
      loops.front()->emitOpError() << "cannot be launched on `" << resolved->getName() << "`, which is no GPU";
      return signalPassFailure();
    }
    KernelModule kernels(getOperation());
    for (scf::ForallOp loop : loops)
      if (failed(launch(loop, *gpu, kernels)))
        return signalPassFailure();
  }

private:
  static LogicalResult launch(scf::ForallOp loop, const GPUArchitecture &gpu, KernelModule &kernels) {
    auto isStatic = [](ArrayRef<int64_t> bounds) { return !llvm::any_of(bounds, ShapedType::isDynamic); };
    if (loop.getNumResults() != 0 || !isStatic(loop.getStaticLowerBound()) || !isStatic(loop.getStaticUpperBound()) ||
        !isStatic(loop.getStaticStep()))
      return loop.emitOpError("has results or bounds that are not known; expected a loop of `lowbit-form-rows` on buffers");
    for (Value value : getCapturedValues(loop->getRegions()))
      if (auto type = dyn_cast<MemRefType>(value.getType())) {
        auto [strides, offset] = type.getStridesAndOffset();
        if (llvm::any_of(strides, ShapedType::isDynamic) || !type.getElementType().isIntOrIndexOrFloat())
          return loop.emitOpError() << "uses a buffer of type " << type << "; expected known strides, and numbers as elements";
      }
    FailureOr<RowKernel> kernel = RowKernel::find(loop, gpu);
    if (failed(kernel))
      return failure();
    KernelBuilder host(loop.getLoc(), loop);
    SmallVector<Value> values;
    for (Value value : kernel->values)
      values.push_back(isa<MemRefType>(value.getType()) ? getBufferPointer(host, value) : value);
    gpu::GPUFuncOp function =
        kernels.get(getText(*kernel), !kernel->sides.empty() ? "rows_products" : "rows", loop.getLoc(), ValueRange(values).getTypes(), {},
                    kernel->getThreads(), [&](KernelBuilder &b, gpu::GPUFuncOp made) { kernel->emit(b, made.getArguments()); });
    Value one = arith::ConstantIndexOp::create(host, 1), blocks = arith::ConstantIndexOp::create(host, kernel->getBlocks());
    buildLaunch(host, loop, function, blocks, one, kernel->sharedBytes, values);
    loop.erase();
    return success();
  }

  /// All that the kernel depends on.
  static std::string getText(const RowKernel &kernel) {
    std::string text;
    llvm::raw_string_ostream stream(text);
    for (Value value : kernel.values)
      stream << value.getType() << ",";
    scf::ForallOp loop = kernel.loop;
    stream << loop->getPropertiesAsAttribute();
    describe(*loop.getBody(), stream);
    return text;
  }
};
} // namespace
} // namespace mlir::lowbit
