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
#include "llvm/Support/MathExtras.h"
#include "llvm/TargetParser/Triple.h"

namespace mlir::lowbit {

/// Digits to `base`, 2 to 256, of the numbers that a byte holds.
int64_t getDigitsPerByte(int64_t base);
/// `base` to the power `place`.
int64_t getDigitWeight(int64_t base, int64_t place);
/// The digit at `place` (0 is the lowest) of a byte; a byte above the largest number is read as that.
uint8_t readDigit(uint8_t byte, int64_t base, int64_t place);
/// Builds the same for i8, or a vector of i8.
Value buildDigit(OpBuilder &builder, Location loc, Value bytes, int64_t base, int64_t place);

class PackingAttrInterface;
/// `#lowbit.panel` with these parameters: what dot products read in whole registers.
PackingAttrInterface getPanelPacking(MLIRContext *context, int64_t columns, int64_t depth, bool transposed, int64_t base);
/// How saved modules hold codes of a few bits: in the order of their tensor.
PackingAttrInterface getStoragePacking(MLIRContext *context);

/// Which sides of a dot product may be signed: any of them, exactly one, or both or none.
enum class Signs { Any, Opposite, Equal };

/// A native dot-product instruction: every lane of i32 (or f32) adds `depth` products of an element of the left side, which is the same
/// in all lanes, and one of the right side, which is not.
struct DotProduct {
  unsigned lhsWidth;   ///< Bits that elements of the left side (activations) are brought to in memory; right codes have 8, floats the same.
  Signs signs;         ///< Which signs the two sides must have.
  int64_t depth;       ///< Products a lane sums, along the reduction.
  int64_t lanes;       ///< Lanes of 32 bits.
  int64_t temporaries; ///< Vector registers that one dot product needs besides its operands.

  /// Whether left codes have to be offset by 128 to the other sign.
  bool needsFlip(bool lhsSigned, bool rhsSigned) const {
    return signs == Signs::Opposite ? lhsSigned == rhsSigned : signs == Signs::Equal && lhsSigned != rhsSigned;
  }
};

/// How a statistic of a block of weights is made of what its elements add to it, from 0 on.
enum class Reduction { Sum, Max };

/// What a generation of GPUs can do (lowbit/Targets/GPUArchitecture.h).
struct GPUArchitecture;

/// One tile of a matrix unit: `depth` products for each of `rows` times `columns` sums of i32.
struct TileProduct {
  int64_t rows, columns, depth;
};
/// Marks the `linalg.generic` on buffers that is made of such tiles: whole ones, over panels as the dot product has them.
inline constexpr StringLiteral tileProductAttrName = "lowbit.tile_product";

} // namespace mlir::lowbit

#include "lowbit/Interfaces/AttrInterfaces.h.inc"

#endif // LOWBIT_INTERFACES_ATTRINTERFACES_H
