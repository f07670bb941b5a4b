//===- AffineSums.h - indices that are sums of loops ----------------------===//
#ifndef LOWBIT_IR_AFFINESUMS_H
#define LOWBIT_IR_AFFINESUMS_H

#include "mlir/IR/AffineExpr.h"
#include "mlir/Support/LLVM.h"
#include <optional>

namespace mlir::lowbit {

/// The factors of loops in a sum of them, none negative; nothing for any other expression.
std::optional<SmallVector<int64_t>> getSumFactors(AffineExpr expr, unsigned numLoops);

} // namespace mlir::lowbit

#endif // LOWBIT_IR_AFFINESUMS_H
