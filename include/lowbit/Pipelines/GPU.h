//===- GPU.h - models on GPUs ---------------------------------------------===//
#ifndef LOWBIT_PIPELINES_GPU_H
#define LOWBIT_PIPELINES_GPU_H

#include <string>

namespace mlir {
class OpPassManager;
} // namespace mlir

namespace mlir::lowbit {

/// From linalg and lowbit ops on tensors to functions that launch the kernels of one `gpu.module`, for the module's target. All buffers
/// are then in the device's memory; the caller's, too.
void buildLaunchPipeline(OpPassManager &pm);

/// From linalg and lowbit ops on tensors to those that kernels of `target` compute, still on tensors; with `floats` every operation on floats is
/// decided, so that plain loops over the result compute what the kernels do, to the last bit. Without, no bit of any result changes.
void buildKernelOpsPipeline(OpPassManager &pm, const std::string &target, bool floats);

/// From launches to bytes of machine code, and what the assembler says of each kernel.
void buildAssemblePipeline(OpPassManager &pm);

/// From launches to the LLVM dialect, with machine code of the kernels in it.
void buildDevicePipeline(OpPassManager &pm);

/// The same, with kernels as functions that the simulator runs on the host.
void buildGPUSimPipeline(OpPassManager &pm);

} // namespace mlir::lowbit

#endif // LOWBIT_PIPELINES_GPU_H
