//===- AttrInterfaces.h - format, packing, observer, estimator, target ----===//
#ifndef LOWBIT_INTERFACES_ATTRINTERFACES_H
#define LOWBIT_INTERFACES_ATTRINTERFACES_H

#include "lowbit/Observers/Histogram.h"
#include "lowbit/Observers/ObserverState.h"
#include "mlir/IR/AffineMap.h"
#include "mlir/IR/Attributes.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/PatternMatch.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/TargetParser/Triple.h"

namespace mlir::lowbit {

/// A native dot-product instruction: every lane of i32 adds `depth` products of a code of the left side, which is the same in
/// all lanes, and a code of the right side, which is not.
struct DotProduct {
  unsigned lhsWidth;   ///< Bits that codes of the left side (activations) are brought to in memory; the right side has 8.
  bool oppositeSigns;  ///< Whether one side must be unsigned and the other signed; otherwise any signs will do.
  int64_t depth;       ///< Products a lane sums, along the reduction.
  int64_t lanes;       ///< Lanes of i32.
  int64_t temporaries; ///< Vector registers that one dot product needs besides its operands.
};

} // namespace mlir::lowbit

#include "lowbit/Interfaces/AttrInterfaces.h.inc"

#endif // LOWBIT_INTERFACES_ATTRINTERFACES_H
