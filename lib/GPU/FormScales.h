//===- FormScales.h - scales that change along the reduction ---------------===//
#ifndef LOWBIT_LIB_GPU_FORMSCALES_H
#define LOWBIT_LIB_GPU_FORMSCALES_H

#include "ContractAxes.h"
#include "lowbit/Analysis/AccumulatorBound.h"
#include "lowbit/Targets/GPUArchitecture.h"

namespace mlir::lowbit {

/// Neighbours of the reduction that share all scales; 0 where no scale changes along it.
int64_t getReductionGroup(ContractOp op, const ContractAxes &axes);

/// Why a contraction with scales that change along the reduction becomes no product of bytes in groups; empty where it does, or none
/// changes. `gpu`: null where the target is none.
std::string getReductionGroupObstacle(ContractOp op, const ContractAxes &axes, const GPUArchitecture *gpu);

/// The scales of a side as `lowbit.matmul` takes them in groups, each repeated for all that share it; null where they do not change along
/// the reduction.
Value formGroupScales(RewriterBase &rewriter, ContractOp op, const ContractAxes &axes, ContractOperand side);

} // namespace mlir::lowbit

#endif // LOWBIT_LIB_GPU_FORMSCALES_H
