//===- KernelMath.h - mathematics that GPUs have instructions for ---------===//
#ifndef LOWBIT_CONVERSION_KERNELMATH_H
#define LOWBIT_CONVERSION_KERNELMATH_H

#include "mlir/IR/Operation.h"

namespace mlir::lowbit {

/// What LLVM calls the function that `op` computes, where GPUs have an instruction for it, or a few; empty for all else, of which those of
/// the math dialect would be calls of a library that is not there.
StringRef getKernelIntrinsic(Operation *op);

} // namespace mlir::lowbit

#endif // LOWBIT_CONVERSION_KERNELMATH_H
