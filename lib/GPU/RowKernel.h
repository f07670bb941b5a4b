//===- RowKernel.h - the code of one lane for ops over the same rows ------===//
#ifndef LOWBIT_LIB_GPU_ROWKERNEL_H
#define LOWBIT_LIB_GPU_ROWKERNEL_H

#include "RowSteps.h"
#include "lowbit/GPU/KernelBuilder.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

namespace mlir::lowbit {

/// A part of a buffer, as a lane finds it.
struct RowView {
  Value pointer;                ///< `!llvm.ptr<1>` of its first element.
  SmallVector<int64_t> strides; ///< In elements, of each axis.
  int64_t alignment = 1;        ///< Elements of which the first one's place is a multiple.
  Type element;
};

/// Of the right side of a product in shared memory: rows of `rowBytes`, `pitch` apart.
struct SharedSide {
  int64_t offset, rows, rowBytes, pitch;
  bool isTransposed; ///< Rows run along the columns of the result; else along the reduction.
};

/// A loop over rows, matched.
struct RowKernel {
  scf::ForallOp loop;
  SmallVector<RowStep> steps;
  RowLayout layout;
  int64_t rows;                            ///< Of a block.
  SmallVector<Value> values;               ///< From outside of the loop, not constant; buffers among them. What the kernel takes.
  DenseMap<Operation *, SharedSide> sides; ///< Of products.
  DenseMap<Operation *, int64_t> parts;    ///< Where in shared memory warps put their parts of what they share.
  int64_t sharedBytes = 0;

  static FailureOr<RowKernel> find(scf::ForallOp loop, const GPUArchitecture &architecture);
  int64_t getThreads() const { return 32 * llvm::divideCeil(rows, layout.getWarpRows()) * layout.shares; }
  int64_t getBlocks() const;
  /// Fills the body of a kernel that takes `values`, buffers as pointers.
  void emit(KernelBuilder &b, ValueRange arguments) const;
};

} // namespace mlir::lowbit

#endif // LOWBIT_LIB_GPU_ROWKERNEL_H
