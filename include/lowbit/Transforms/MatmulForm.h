//===- MatmulForm.h - contractions of 8-bit codes that are matmuls --------===//
#ifndef LOWBIT_TRANSFORMS_MATMULFORM_H
#define LOWBIT_TRANSFORMS_MATMULFORM_H

#include "lowbit/IR/Lowbit.h"

namespace mlir::lowbit {

/// Loops of a contraction with one row, one column and one reduction; every other loop is outside of the matmul.
struct MatmulForm {
  unsigned m, n, k;             ///< Loops: rows (left side only), columns (right side only), the reduction.
  int64_t rows, columns, depth; ///< Their sizes.
};

/// The matmul that `op` is, or failure with the reason why it is none that integer dot products can do.
FailureOr<MatmulForm> getMatmulForm(ContractOp op, std::string &reason);

/// How a matmul is cut for the registers and caches of a target.
struct RegisterTile {
  int64_t rows, columns;
  bool columnsOutermost; ///< Whether the loop over columns is outside of the loop over rows.
  bool inTiles = false;  ///< Whether the target's matrix unit takes the whole reduction (QuantTargetAttrInterface::getTileProduct).
};

/// The tile whose accumulators fit the registers and that computes least beyond the matmul; ties go to the one that loads least.
RegisterTile chooseRegisterTile(QuantTargetAttrInterface target, const MatmulForm &form);

} // namespace mlir::lowbit

#endif // LOWBIT_TRANSFORMS_MATMULFORM_H
