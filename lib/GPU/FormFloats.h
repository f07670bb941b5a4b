//===- FormFloats.h - products of f32 -------------------------------------===//
#ifndef LOWBIT_LIB_GPU_FORMFLOATS_H
#define LOWBIT_LIB_GPU_FORMFLOATS_H

#include "ContractAxes.h"

namespace mlir::lowbit {

/// Makes a `lowbit.contract` of every product of f32 below `root` that can become a `lowbit.matmul`.
void formFloatContracts(RewriterBase &rewriter, Operation *root);
/// Why a contraction of two sides without codes is no product of f32 that is worth a kernel; empty where it is one.
std::string getFloatObstacle(ContractOp op, const ContractAxes &axes);
/// Builds the product, before `op`, and returns what takes the place of its result.
Value formFloats(RewriterBase &rewriter, ContractOp op, const ContractAxes &axes);

} // namespace mlir::lowbit

#endif // LOWBIT_LIB_GPU_FORMFLOATS_H
