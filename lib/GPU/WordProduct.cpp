//===- WordProduct.cpp - products by lanes, a word at a time --------------===//

#include "WordProduct.h"

namespace mlir::lowbit {

std::pair<Value, Value> WordProduct::getOrigin(KernelBuilder &b, Value lane) const {
  return {b.div(lane, columnLanes), b.rem(lane, columnLanes)};
}

SmallVector<TilePlace> WordProduct::getPlaces() const {
  SmallVector<TilePlace> places;
  for (int64_t i = 0; i < numRows; ++i)
    for (int64_t j = 0; j < numColumns; ++j)
      places.push_back({i * rowLanes, j * columnLanes});
  return places;
}

void WordProduct::multiply(KernelBuilder &b, Value lane, const StagedSide &lhs, const StagedSide &rhs, int64_t piece,
                           MutableArrayRef<Value> sums) const {
  constexpr int64_t words = Swizzle::pieceBytes / 4;
  Type word = getWordType(b);
  auto [row, column] = getOrigin(b, lane);
  SmallVector<SmallVector<Value>> left;
  int64_t rowsOfPattern = std::max<int64_t>(1, 8 / rowLanes);
  for (int64_t i = 0; i < numRows; ++i) {
    // Rows that are eight apart have their pieces in the same places.
    int64_t pattern = i % rowsOfPattern * rowLanes;
    Value address = lhs.getAddress(b, b.add(row, pattern), b.i32(piece));
    left.push_back(b.loadElements(word, b.offset(address, (i * rowLanes - pattern) * lhs.swizzle.rowBytes), words));
  }
  Value first = rhs.getAddress(b, column, b.i32(piece));
  for (int64_t j = 0; j < numColumns; ++j) {
    SmallVector<Value> right = b.loadElements(word, b.offset(first, j * columnLanes * rhs.swizzle.rowBytes), words);
    for (int64_t i = 0; i < numRows; ++i)
      for (int64_t k = 0; k < words; ++k) {
        Value &sum = sums[i * numColumns + j];
        sum = accumulate(b, left[i][k], right[k], sum);
      }
  }
}

double WordPlan::getReadCycles() const {
  double lanes = architecture.warpThreads, columns = WordProduct::columnLanes;
  double pieces = tile.warpRows / (lanes / columns) + tile.warpColumns / columns;
  return tile.getWarps() * pieces * lanes / 8 * tile.depth / Swizzle::pieceBytes;
}

} // namespace mlir::lowbit
