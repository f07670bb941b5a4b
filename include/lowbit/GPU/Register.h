//===- Register.h - what kernels need to be known by a context ------------===//
#ifndef LOWBIT_GPU_REGISTER_H
#define LOWBIT_GPU_REGISTER_H

#include "mlir/IR/DialectRegistry.h"

namespace mlir::lowbit {

/// Products on tensors become products on buffers.
void registerMatmulBufferization(DialectRegistry &registry);

} // namespace mlir::lowbit

#endif // LOWBIT_GPU_REGISTER_H
