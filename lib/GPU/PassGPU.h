//===- PassGPU.h - the GPU that a pass is for -----------------------------===//
#ifndef LOWBIT_LIB_GPU_PASSGPU_H
#define LOWBIT_LIB_GPU_PASSGPU_H

#include "lowbit/Targets/GPUArchitecture.h"
#include "lowbit/Targets/Resolve.h"

namespace mlir::lowbit {

/// What the target of the pass (`getPassTarget`) can do; null after an error on `op` where there is none, or it is no GPU.
inline const GPUArchitecture *getPassGPU(Operation *op, StringRef option) {
  FailureOr<QuantTargetAttrInterface> resolved = getPassTarget(op, option);
  if (failed(resolved))
    return nullptr;
  const GPUArchitecture *gpu = resolved->getGPU();
  if (!gpu)
    op->emitError() << "`" << resolved->getName() << "` is no GPU; expected one that kernels are made for";
  return gpu;
}

} // namespace mlir::lowbit

#endif // LOWBIT_LIB_GPU_PASSGPU_H
