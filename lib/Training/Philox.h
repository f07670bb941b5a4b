//===- Philox.h - random bits by counting ---------------------------------===//
#ifndef LOWBIT_LIB_TRAINING_PHILOX_H
#define LOWBIT_LIB_TRAINING_PHILOX_H

#include "mlir/IR/Builders.h"

namespace mlir::lowbit {

/// Key `key` plus `index` steps of a sequence in which keys of neighbours have nothing in common; all i32.
Value buildPhiloxKey(OpBuilder &builder, Location loc, Value key, unsigned index);

/// The first word, i32, of Philox 2x32-10 of the counter (`low`, `high`) by `key`, all i32 (Salmon et al., 2011, "Parallel random numbers:
/// as easy as 1, 2, 3", table 2).
Value buildPhilox(OpBuilder &builder, Location loc, Value low, Value high, Value key);

} // namespace mlir::lowbit

#endif // LOWBIT_LIB_TRAINING_PHILOX_H
