//===- MomentRows.h - the rows that second moments of a site are of -------===//
//
// A weight is a matrix `[K, N]`, whatever the op: K inputs, which are summed over, in the order of the axes of the weight. Its rows are
// what the activation holds of these inputs for one output: for a linear the channels of a token, for a convolution a window, with zeros
// where the image is padded.
//
//===----------------------------------------------------------------------===//
#ifndef LOWBIT_CALIBRATION_MOMENTROWS_H
#define LOWBIT_CALIBRATION_MOMENTROWS_H

#include "lowbit/IR/Lowbit.h"

namespace mlir::lowbit {

struct MomentRows {
  /// The operand that holds the rows.
  QuantizableOperand activation;
  /// Null where rows lie along the last axis.
  WindowsAttr windows;
};

/// The rows that the weight of `op` meets. None, with a reason, where the op has no weight or no one set of rows: outputs of a depthwise or
/// grouped convolution read rows of their own.
std::optional<MomentRows> findMomentRows(QuantizableOpInterface op, std::string &reason);

/// Calls `take` with rows of `windows` in order, some at a time, row-major. `values` are those of a tensor of `shape`.
void gatherRows(WindowsAttr windows, ArrayRef<float> values, ArrayRef<int64_t> shape, function_ref<void(ArrayRef<float>)> take);

} // namespace mlir::lowbit

#endif // LOWBIT_CALIBRATION_MOMENTROWS_H
