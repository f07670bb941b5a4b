//===- MatmulForm.h - contractions that are matmuls -----------------------===//
#ifndef LOWBIT_TRANSFORMS_MATMULFORM_H
#define LOWBIT_TRANSFORMS_MATMULFORM_H

#include "lowbit/IR/Lowbit.h"
#include "lowbit/Transforms/WindowView.h"
#include "llvm/Support/MathExtras.h"

namespace mlir::lowbit {

/// Loops of a contraction with one row, one column and one reduction; every other loop is outside of the matmul.
struct MatmulForm {
  unsigned m = 0, n = 0, k = 0;             ///< Loops: rows (left side only), columns (right side only), the reduction.
  int64_t rows = 0, columns = 0, depth = 0; ///< Their sizes.
  unsigned rhsWidth = 8;                    ///< Bits of a right code once packed, or of a right float.
  int64_t rhsBase = 0;                      ///< Base to which the packed right codes of a byte are digits; 0 for fields of bits.
  int64_t block = 0;                        ///< Codes along the reduction that share all scales; 0 where they all do.
  int64_t numBits = 0;    ///< Where both sides are signs of one bit, their number along the reduction; 0 for dot products of bytes.
  FloatType element = {}; ///< What both sides are brought to where products are of floats, f32 or bf16; null where they are of integers.
  std::optional<WindowView> windows = std::nullopt; ///< Where rows are windows of an image that are read where they lie, not from a copy.

  /// Steps along the reduction: words where codes are bits.
  static constexpr int64_t bitsPerWord = 32;
  int64_t getNumWords() const { return llvm::divideCeil(numBits, bitsPerWord); }
};

/// The matmul that `op` is, or failure with the reason why it is none that the target's dot products can do.
FailureOr<MatmulForm> getMatmulForm(ContractOp op, QuantTargetAttrInterface target, std::string &reason);

/// Whether the only bit of a code is its sign: 0 is 1 and 1 is -1.
bool isSign(NumberFormatAttrInterface format);

/// Bits of a constant code of an integer format once it is packed: as an unsigned integer from the smallest code on.
unsigned getPackedWidth(NumberFormatAttrInterface format);

/// What sums products of `form`: the target's own dot product of bytes or of bf16, or one word of bits, or one f32, a lane.
DotProduct getDotProduct(QuantTargetAttrInterface target, const MatmulForm &form);

/// The base for `MatmulForm::rhsBase`: that of packed codes, or the one that costs least.
int64_t getRhsBase(ContractOp op, QuantTargetAttrInterface target, const MatmulForm &form);

/// Codes of the right side that a byte holds once packed for `target`: one unless its scales and `width` let it be more.
int64_t getCodesPerByte(QuantTargetAttrInterface target, const MatmulForm &form, unsigned width);

/// How a matmul is cut for the registers and caches of a target.
struct RegisterTile {
  int64_t rows, columns;
  bool columnsOutermost; ///< Whether the loop over columns is outside of the loop over rows.
  bool inTiles = false;  ///< Whether the target's matrix unit takes the whole reduction (QuantTargetAttrInterface::getTileProduct).
};

/// The tile whose accumulators fit the registers and that computes least beyond the matmul; ties go to the one that loads least.
RegisterTile chooseRegisterTile(QuantTargetAttrInterface target, const MatmulForm &form);

/// What a pass finds to do: a contraction, its form and its tile.
struct TiledContract {
  ContractOp op;
  MatmulForm form;
  RegisterTile tile;
};
/// The contractions below `root` that `target` has dot products for; `refused` is called with every other one and the reason.
std::vector<TiledContract> collectMatmuls(Operation *root, QuantTargetAttrInterface target,
                                          function_ref<void(ContractOp, StringRef)> refused);

} // namespace mlir::lowbit

#endif // LOWBIT_TRANSFORMS_MATMULFORM_H
