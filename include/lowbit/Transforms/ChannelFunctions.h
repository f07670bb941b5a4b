//===- ChannelFunctions.h - affine functions of channels, known now -------===//
#ifndef LOWBIT_TRANSFORMS_CHANNELFUNCTIONS_H
#define LOWBIT_TRANSFORMS_CHANNELFUNCTIONS_H

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include <optional>
#include <vector>

namespace mlir::lowbit {

/// What becomes of the elements `x` of a channel: `factor[c] * x + offset[c]`, in f64.
struct ChannelFunction {
  std::vector<double> factor, offset; ///< As many as there are channels; `factor` is empty for constants.
  /// Of what the root of a constant has a part in: that constant, as a variance is. Where it multiplies `x`: with the `x` that it takes to
  /// 0.
  std::vector<double> rooted = {}, center = {};

  bool hasRoot() const { return !rooted.empty(); }

  bool isConstant() const { return factor.empty(); }
  bool isFinite() const;

  /// `x` itself.
  static ChannelFunction getIdentity(int64_t count);
};

/// Channels of a value that linalg ops make: their axis, and how many there are.
struct Channels {
  int64_t axis, count;
};

/// What the elementwise `op` makes of the elements of its input `argument` (null: of constants alone), the same for all elements of a
/// channel of its result, where those elements are themselves `start` of what is asked about. Nothing where it is no affine function, or
/// depends on anything but constants of channels.
std::optional<ChannelFunction> getChannelFunction(linalg::LinalgOp op, OpOperand *argument, Channels channels,
                                                  const ChannelFunction &start = {});

} // namespace mlir::lowbit

#endif // LOWBIT_TRANSFORMS_CHANNELFUNCTIONS_H
