//===- Matrix.h - ldmatrix, stmatrix, movmatrix ---------------------------===//
#ifndef LOWBIT_EXECUTION_SIM_MATRIX_H
#define LOWBIT_EXECUTION_SIM_MATRIX_H

#include "lowbit/Execution/Sim/Fragments.h"

namespace mlir::lowbit::sim {

/// Loads `count` (1, 2, 4) matrices of 8x8 16-bit elements. Lane 8m + i has the address of row i of matrix m; the others' are unused.
Illegal loadMatrix(unsigned count, bool transposed, const void *const *rows, Writes registers);

/// Stores them; the same addresses.
Illegal storeMatrix(unsigned count, bool transposed, void *const *rows, Reads registers);

/// The transpose of the matrix that the lanes' registers hold.
void moveMatrix(Reads source, Writes target);

} // namespace mlir::lowbit::sim

#endif // LOWBIT_EXECUTION_SIM_MATRIX_H
