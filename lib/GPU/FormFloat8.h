//===- FormFloat8.h - contractions of 8-bit floats become products --------===//
#ifndef LOWBIT_LIB_GPU_FORMFLOAT8_H
#define LOWBIT_LIB_GPU_FORMFLOAT8_H

#include "ContractAxes.h"
#include "lowbit/Targets/GPUArchitecture.h"

namespace mlir::lowbit {

/// Whether both sides are of floats that matrix units multiply: f8E4M3FN or f8E5M2.
bool hasFloat8Sides(ContractOp op);

/// Why such a contraction becomes no product of bytes; empty where it can. `gpu`: null where the target is none.
std::string getFloat8Obstacle(ContractOp op, const ContractAxes &axes, const GPUArchitecture *gpu);

/// Its `lowbit.matmul`.
Value formFloat8(RewriterBase &rewriter, ContractOp op, const ContractAxes &axes);

} // namespace mlir::lowbit

#endif // LOWBIT_LIB_GPU_FORMFLOAT8_H
