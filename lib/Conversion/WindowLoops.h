//===- WindowLoops.h - the window of a tile's rows, place by place --------===//
#ifndef LOWBIT_LIB_CONVERSION_WINDOWLOOPS_H
#define LOWBIT_LIB_CONVERSION_WINDOWLOOPS_H

#include "PackedMatmul.h"

namespace mlir::lowbit {

/// Where a tile's rows read the image while loops over the window are entered one after the other.
class WindowTile {
public:
  /// `dots` is of one tile: its left operand is a slice of all rows.
  WindowTile(RewriterBase &rewriter, const PackedMatmul &matmul, linalg::GenericOp dots);

  bool isDone() const { return places.size() == windows.view.taps.size(); }
  void enter(OpFoldResult place) { places.push_back(place); }
  void leave() { places.pop_back(); }

  /// Whether rows of the tile read the border at some places of the next loop, and others at other places.
  bool dependsOnPlace() const;
  /// The places of the next loop at which any row reads the image, when they are known. Those at which most do come first, so that all
  /// accumulators are values from there on.
  SmallVector<int64_t> getPlaces() const;
  /// The same as bounds, when it is all rows that do.
  std::pair<OpFoldResult, OpFoldResult> getBounds();

  /// Once all loops are entered: the first row that reads the image, and how many do; their codes, with an axis of one for tiles first.
  std::pair<int64_t, int64_t> getRows() const;
  Value buildSlice();

private:
  std::optional<unsigned> getNextAxis() const;
  /// Rows of the tile that read the image, along the axis of rows, at a place.
  std::pair<int64_t, int64_t> getRowsAt(unsigned axis, int64_t place) const;
  bool isRunAxis(unsigned axis) const { return windows.view.axes[axis].row == windows.view.rows.size() - 1; }
  /// Where the first row of the tile has its window, by axis of the image with its border.
  SmallVector<OpFoldResult> getOffsets(OpFoldResult tile);

  RewriterBase &rewriter;
  const PackedMatmul::Windows &windows;
  Location loc;
  int64_t numRows;
  SmallVector<OpFoldResult> offsets; ///< Of the tile in the image with its border.
  SmallVector<OpFoldResult> places;
};

} // namespace mlir::lowbit

#endif // LOWBIT_LIB_CONVERSION_WINDOWLOOPS_H
