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

/// A native dot-product instruction: every lane of i32 adds `depth` products of 8-bit codes.
struct DotProduct {
  bool lhsSigned;  ///< The broadcast side (activations).
  bool rhsSigned;  ///< The vector side (weights).
  int64_t depth;   ///< Products a lane sums, along the reduction.
  int64_t lanes;   ///< Lanes of i32.
};

} // namespace mlir::lowbit

#include "lowbit/Interfaces/AttrInterfaces.h.inc"

#endif // LOWBIT_INTERFACES_ATTRINTERFACES_H
