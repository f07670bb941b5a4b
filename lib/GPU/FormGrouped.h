//===- FormGrouped.h - contractions with weights of few bits --------------===//
#ifndef LOWBIT_LIB_GPU_FORMGROUPED_H
#define LOWBIT_LIB_GPU_FORMGROUPED_H

#include "ContractAxes.h"

namespace mlir::lowbit {

/// Whether it is to be a `lowbit.grouped_matmul`, or nothing. hasKernel: whether the GPU has kernels for those.
bool prefersGrouped(ContractOp op, const ContractAxes &axes, bool hasKernel);
/// Why it is none; empty where it is.
std::string getGroupedObstacle(ContractOp op, const ContractAxes &axes);
/// Builds it, before `op`, and returns what takes its place.
Value formGrouped(RewriterBase &rewriter, ContractOp op, const ContractAxes &axes);

} // namespace mlir::lowbit

#endif // LOWBIT_LIB_GPU_FORMGROUPED_H
