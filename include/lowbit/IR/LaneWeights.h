//===- LaneWeights.h - weights of few bits in the order of lanes ----------===//
//
// mma.sync multiplies 16 rows, here columns of the result, by eight others, here rows of it; a lane holds four registers of the first side,
// of which 0 and 2 belong to row `lane / 4` and 1 and 3 to the row eight below. Weights are stored so that 16 bytes of a lane, of 512 that
// a warp reads together, are the next registers that it needs, in order, after a few shifts: no lane asks another one.
//
//===----------------------------------------------------------------------===//
#ifndef LOWBIT_IR_LANEWEIGHTS_H
#define LOWBIT_IR_LANEWEIGHTS_H

#include "llvm/ADT/ArrayRef.h"
#include <algorithm>
#include <cmath>

namespace mlir::lowbit {

/// Where the bits of a weight are in a word.
enum class LaneFields {
  Numbers, ///< Neighbours; the elements of a register are `elementWidth` apart.
  Indices, ///< Neighbours; the elements of a register follow one another.
  Floats,  ///< Apart, so that after one or two shifts they are where a float of 16 bits has its sign, exponent and fraction.
};

/// Indices, or Floats where the levels of the 16 codes are those of a sign, two bits of exponent and one of fraction, times a power of two.
inline LaneFields getFieldsOfLevels(llvm::ArrayRef<float> levels) {
  constexpr float halves[] = {0, 1, 2, 3, 4, 6, 8, 12};
  int exponent;
  bool areFloats = std::frexp(levels[1], &exponent) == 0.5f;
  for (unsigned code = 0; code < 8; ++code)
    areFloats &= levels[code] == halves[code] * levels[1] && levels[code + 8] == -levels[code];
  return areFloats ? LaneFields::Floats : LaneFields::Indices;
}

/// How rhs of `lowbit.grouped_matmul` is laid out.
struct LaneWeights {
  int64_t width;        ///< Bits of a weight: 2 or 4.
  int64_t elementWidth; ///< Of an element that it is multiplied by: 16 or 8.
  /// Neighbours that a lane takes of the other side at a time. Four lanes take as many as the smallest group has, so that a product never
  /// spans groups: 8, or 4 for groups of 16.
  int64_t laneDepth = 8;
  LaneFields fields = LaneFields::Numbers;
  int64_t fraction = 0; ///< Of Floats: bits of the fraction of an element.

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
  /// Products that one load of the other side serves, and its words.
  int64_t getProductsOfLoad() const { return 4 * laneDepth / getProductDepth(); }
  int64_t getLoadWords() const { return laneDepth / getElements(); }
  static int64_t getLaneDepth(int64_t group) { return group == 16 ? 4 : 8; }

  /// Neighbours of the reduction that are filled up: whole groups and whole pieces. 0: no groups.
  int64_t getChunkDepth(int64_t group) const { return std::max(group == 0 ? usualDepth : group, getPieceDepth()); }
  int64_t getRowBytes(int64_t depth, int64_t group) const {
    int64_t chunk = getChunkDepth(group);
    return (depth + chunk - 1) / chunk * chunk * width * columns / 8;
  }

  /// Where bit `bit` of a weight is in a word: that of element `element` of register `part` of the word.
  int64_t getPlace(int64_t part, int64_t element, int64_t bit) const {
    if (fields == LaneFields::Numbers)
      return part * width + element * elementWidth + bit;
    if (fields == LaneFields::Indices)
      return (part * getElements() + element) * width + bit;
    return element * elementWidth + (bit == 3 ? 15 - getSignShift(part) : getMagnitudePlace(part) + bit);
  }
  /// Of Floats: how far the signs of a part are from the highest bit of an element, and where its exponent and fraction begin.
  static int64_t getSignShift(int64_t part) {
    constexpr int64_t shifts[] = {0, 3, 1, 2};
    return shifts[part];
  }
  int64_t getMagnitudePlace(int64_t part) const { return (fraction + 11 - 3 * part) % 12; }

  /// The bit of a row of rhs that is bit `bit` of the weight of column `column` (of its 16) at `depth` of the reduction.
  int64_t getBit(int64_t column, int64_t depth, int64_t bit) const {
    int64_t piece = depth / getPieceDepth(), inPiece = depth % getPieceDepth();
    int64_t load = inPiece / (4 * laneDepth), lane = column % 8 * 4 + inPiece / laneDepth % 4, own = inPiece % laneDepth;
    int64_t element = own % getElements(), product = load * getProductsOfLoad() + own / getElements() / 2;
    int64_t part = 4 * product + own / getElements() % 2 * 2 + column / 8;
    return piece * pieceBytes * 8 + lane * laneBytes * 8 + part / getRegisters() * 32 + getPlace(part % getRegisters(), element, bit);
  }
};

} // namespace mlir::lowbit

#endif // LOWBIT_IR_LANEWEIGHTS_H
