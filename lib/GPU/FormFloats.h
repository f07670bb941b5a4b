//===- FormFloats.h - contractions of 8-bit floats become products --------===//
#ifndef LOWBIT_LIB_GPU_FORMFLOATS_H
#define LOWBIT_LIB_GPU_FORMFLOATS_H

#include "ContractAxes.h"
#include "lowbit/Targets/GPUArchitecture.h"

namespace mlir::lowbit {

/// Whether both sides are of floats that matrix units multiply: f8E4M3FN or f8E5M2.
bool hasFloatSides(ContractOp op);

/// Why such a contraction becomes no product of bytes; empty where it can. `gpu`: null where the target is none.
std::string getFloatObstacle(ContractOp op, const GPUArchitecture *gpu);

/// Its `lowbit.matmul`.
Value formFloats(RewriterBase &rewriter, ContractOp op, const ContractAxes &axes);

} // namespace mlir::lowbit

#endif // LOWBIT_LIB_GPU_FORMFLOATS_H
