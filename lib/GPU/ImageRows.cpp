//===- ImageRows.cpp - rows of a product that are windows of an image -----===//

#include "ImageRows.h"

namespace mlir::lowbit {

/// Joins loops of which one goes on where the next one ends.
static SmallVector<ImageRows::Loop> joinLoops(ArrayRef<ImageRows::Loop> loops) {
  SmallVector<ImageRows::Loop> joined;
  for (const ImageRows::Loop &loop : llvm::reverse(loops)) {
    if (loop.size == 1)
      continue;
    if (!joined.empty() && loop.bytes == joined.back().size * joined.back().bytes)
      joined.back().size *= loop.size;
    else
      joined.push_back(loop);
  }
  std::reverse(joined.begin(), joined.end());
  return joined;
}

ImageRows findImageRows(WindowsAttr windows, MemRefType image) {
  SmallVector<int64_t> strides = windows.getStrides(image.getShape()), sizes = windows.getRows(image.getShape());
  unsigned numRows = sizes.size();
  llvm::append_range(sizes, windows.getColumns());
  auto loops = llvm::map_to_vector(llvm::zip_equal(sizes, strides), [](auto loop) {
    return ImageRows::Loop{std::get<0>(loop), std::get<1>(loop)}; // elements are bytes
  });
  ImageRows rows{joinLoops(ArrayRef(loops).take_front(numRows)), joinLoops(ArrayRef(loops).drop_front(numRows)), 1};
  if (!rows.taps.empty() && rows.taps.back().bytes == 1)
    rows.run = rows.taps.pop_back_val().size;
  return rows;
}

/// Where each of `loops` is at `place` of all their steps.
static SmallVector<Value> takeApart(KernelBuilder &b, ArrayRef<ImageRows::Loop> loops, Value place) {
  return b.takeApart(place, llvm::map_to_vector(loops, [](const ImageRows::Loop &loop) { return loop.size; }));
}

Value buildRowOffset(KernelBuilder &b, const ImageRows &image, Value row) {
  Value offset = b.i64(0);
  for (auto [loop, index] : llvm::zip_equal(image.rows, takeApart(b, image.rows, row)))
    offset = b.add(offset, b.mul(b.widen(index), b.i64(loop.bytes)));
  return offset;
}

Value buildColumnOffset(KernelBuilder &b, const ImageRows &image, Value column) {
  if (image.taps.empty())
    return column;
  Value offset = b.rem(column, image.run);
  for (auto [loop, index] : llvm::zip_equal(image.taps, takeApart(b, image.taps, b.div(column, image.run))))
    offset = b.add(offset, b.mul(index, loop.bytes));
  return offset;
}

} // namespace mlir::lowbit
