//===- WindowView.h - windows of an image that a copy would gather --------===//
#ifndef LOWBIT_TRANSFORMS_WINDOWVIEW_H
#define LOWBIT_TRANSFORMS_WINDOWVIEW_H

#include "lowbit/IR/Lowbit.h"
#include <optional>

namespace mlir::lowbit {

/// Rows of windows, as `lowbit-unfold-windows` gathers them, where they lie in the image: row and place within the window choose an
/// element along each axis but the last, whose elements, the channels, are all in the window.
struct WindowView {
  /// The element is `row * step + tap * dilation`; a loop that is not there is at 0.
  struct Axis {
    std::optional<unsigned> row, tap;
    int64_t step = 0, dilation = 0;
  };
  Value image;
  SmallVector<int64_t> rows; ///< Sizes of the loops over rows of the matmul.
  SmallVector<int64_t> taps; ///< Sizes of the loops over the window.
  SmallVector<Axis> axes;    ///< Of the image, but for the channels.
  int64_t channels;
  bool hasBorder = false; ///< Whether something is put around the image.

  /// Rows that are neighbours along one axis.
  int64_t getRun() const { return rows.back(); }
  /// The same as an attribute, with so many elements of each place of the image.
  WindowsAttr getWindows(int64_t elements) const;
};

/// Whether `op` sums products of bytes of which the channel, the last axis of both sides and of the result, is the same: vectors lie along
/// it without any other order of the codes.
bool isAlongChannels(ContractOp op);

/// What `windows` is a copy of; nothing where it is no such copy.
std::optional<WindowView> getWindowView(Value windows);

/// A copy of all windows of `image`, a matrix with a row for each.
Value gatherWindows(OpBuilder &builder, Location loc, Value image, WindowsAttr windows);

/// An image with the same code around it.
struct Bordered {
  Value image, border;
  SmallVector<int64_t> low, high;
};

/// `value` with so many elements of `border` before and after it along each axis; itself where there are none.
Value buildPad(OpBuilder &builder, Location loc, Value value, ArrayRef<int64_t> low, ArrayRef<int64_t> high, Value border);

} // namespace mlir::lowbit

#endif // LOWBIT_TRANSFORMS_WINDOWVIEW_H
