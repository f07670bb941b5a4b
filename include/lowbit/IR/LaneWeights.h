//===- LaneWeights.h - weights of few bits in the order of lanes ----------===//
//
// mma.sync multiplies 16 rows, here columns of the result, by eight others, here rows of it; a lane holds four registers of the first side,
// of which 0 and 2 belong to row `lane / 4` and 1 and 3 to the row eight below. Weights are stored so that 16 bytes of a lane, of 512 that
// a warp reads together, are the next registers that it needs, in order, after a few shifts: no lane asks another one.
//
//===----------------------------------------------------------------------===//
#ifndef LOWBIT_IR_LANEWEIGHTS_H
#define LOWBIT_IR_LANEWEIGHTS_H

#include <algorithm>
#include <cstdint>

namespace mlir::lowbit {

/// How rhs of `lowbit.grouped_matmul` is laid out.
struct LaneWeights {
  int64_t width;        ///< Bits of a weight: 2 or 4.
  int64_t elementWidth; ///< Of an element that it is multiplied by: 16 or 8.

  /// Columns of a row of rhs; bytes that a warp and a lane read at a time.
  static constexpr int64_t columns = 16, pieceBytes = 512, laneBytes = 16, laneWords = 4;
  /// Neighbours of the reduction that a warp reads together, where groups do not say otherwise.
  static constexpr int64_t usualDepth = 128;

  /// Neighbours of the reduction in a piece.
  int64_t getPieceDepth() const { return 256 / width; }
  /// Elements of a register, registers of a word, products (of four registers) of a piece.
  int64_t getElements() const { return 32 / elementWidth; }
  int64_t getRegisters() const { return elementWidth / width; }
  int64_t getProducts() const { return laneWords * getRegisters() / 4; }
  /// Neighbours of the reduction that a product multiplies.
  int64_t getProductDepth() const { return 256 / elementWidth; }
  /// Neighbours that a lane takes of the other side, for so many products. Four lanes take 32, so that a product never spans groups.
  static constexpr int64_t laneDepth = 8;
  int64_t getProductsOfLoad() const { return elementWidth / 8; }
  int64_t getLoadWords() const { return laneDepth / getElements(); }

  /// Neighbours of the reduction that are filled up: whole groups and whole pieces. 0: no groups.
  int64_t getChunkDepth(int64_t group) const { return std::max(group == 0 ? usualDepth : group, getPieceDepth()); }
  int64_t getRowBytes(int64_t depth, int64_t group) const {
    int64_t chunk = getChunkDepth(group);
    return (depth + chunk - 1) / chunk * chunk * width * columns / 8;
  }

  /// The bit of a row of rhs where the weight of column `column` (of its 16) at `depth` of the reduction begins.
  int64_t getBit(int64_t column, int64_t depth) const {
    int64_t piece = depth / getPieceDepth(), inPiece = depth % getPieceDepth();
    int64_t load = inPiece / (4 * laneDepth), lane = column % 8 * 4 + inPiece / laneDepth % 4, own = inPiece % laneDepth;
    int64_t element = own % getElements(), product = load * getProductsOfLoad() + own / getElements() / 2;
    int64_t part = 4 * product + own / getElements() % 2 * 2 + column / 8;
    int64_t word = part / getRegisters(), shift = part % getRegisters() * width + element * elementWidth;
    return piece * pieceBytes * 8 + lane * laneBytes * 8 + word * 32 + shift;
  }
};

} // namespace mlir::lowbit

#endif // LOWBIT_IR_LANEWEIGHTS_H
