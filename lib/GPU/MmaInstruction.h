//===- MmaInstruction.h - mma.sync of bytes, bits and 8-bit floats ---------===//
#ifndef LOWBIT_LIB_GPU_MMAINSTRUCTION_H
#define LOWBIT_LIB_GPU_MMAINSTRUCTION_H

#include "lowbit/GPU/MatmulKernel.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"

namespace mlir::lowbit {

/// The instruction m16n8 with 32 bytes of the reduction.
struct MmaInstruction {
  static constexpr int64_t rows = 16, columns = 8, depth = 32;
  NVVM::MMATypes lhs, rhs;
  bool areBits, areFloats;

  explicit MmaInstruction(const MatmulKernel &kernel)
      : lhs(getType(kernel.lhs)), rhs(getType(kernel.rhs)), areBits(kernel.lhs.width == 1), areFloats(kernel.hasFloats()) {}

  /// What a sum begins with.
  Value getZero(KernelBuilder &b) const;

  static NVVM::MMATypes getType(MatmulSide side);

  /// Replaces the four sums by those with the product added.
  void emit(KernelBuilder &b, ValueRange a, ValueRange bColumns, MutableArrayRef<Value> sums) const;

private:
  void emitFloats(KernelBuilder &b, ValueRange a, ValueRange bColumns, MutableArrayRef<Value> sums) const;
};

/// ldmatrix: `count` matrices (2 or 4) of 8 rows by 16 bytes, of which this lane gives the address of a row; a register (i32) of each. With
/// `col`, each is turned as one of 16-bit elements.
SmallVector<Value> loadMatrices(KernelBuilder &b, Value pointer, int64_t count, NVVM::MMALayout layout = NVVM::MMALayout::row);

} // namespace mlir::lowbit

#endif // LOWBIT_LIB_GPU_MMAINSTRUCTION_H
