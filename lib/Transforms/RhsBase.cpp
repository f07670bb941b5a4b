//===- RhsBase.cpp - fields of bits or digits for codes of a byte ---------===//
// Law: the choice is made once, when codes are packed; after that it is read from them.

#include "lowbit/Transforms/MatmulForm.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Matchers.h"

namespace mlir::lowbit {

/// Bytes that memory, and the last-level cache, give in the time of one vector instruction: 44 and 125 GB/s on a core of Zen 5, which
/// starts four at once.
static constexpr double memoryBytes = 2.7, cacheBytes = 7.5;
/// Rows of a tile, which share what is taken out of a byte.
static constexpr int64_t rowsOfTile = 4;

/// Time of a byte's codes, in vector instructions, over their number: what computes them, or what brings them, whichever takes longer.
static double getCost(QuantTargetAttrInterface target, const MatmulForm &form, int64_t perByte, int64_t decode) {
  DotProduct dot = target.getDotProduct();
  double registerBytes = dot.lanes * dot.depth;
  int64_t bytes = form.depth * form.columns / perByte;
  double bring = registerBytes / (bytes > target.getLastCacheBytes() ? memoryBytes : cacheBytes);
  double compute = static_cast<double>(llvm::divideCeil(form.rows, rowsOfTile)) * decode + form.rows * perByte;
  return std::max(bring, compute) / perByte;
}

int64_t getRhsBase(ContractOp op, QuantTargetAttrInterface target, const MatmulForm &form) {
  if (form.block != 0)
    return 0; // few sizes of groups are multiples of what five codes a byte take
  Value codes = op.getRhs();
  if (auto slice = codes.getDefiningOp<tensor::ExtractSliceOp>())
    codes = slice.getSource();
  auto unpack = codes.getDefiningOp<UnpackOp>();
  if (unpack)
    if (int64_t base = unpack.getPacking().getBase(unpack.getFormat().getWidth()); !llvm::isPowerOf2_64(base))
      return target.getDigitInstructions(base) ? base : 0;
  NumberFormatAttrInterface format = op.getRhsScheme()->getFormat();
  if (form.rhsWidth >= 8 || !matchPattern(unpack ? unpack.getPacked() : codes, m_Constant()))
    return 0;
  int64_t base = static_cast<int64_t>(format.getLargest() - format.getSmallest()) + 1;
  std::optional<int64_t> decode = llvm::isPowerOf2_64(base) ? std::nullopt : target.getDigitInstructions(base);
  if (!decode)
    return 0;
  int64_t fields = 8 / llvm::PowerOf2Ceil(form.rhsWidth);
  // A field is a shift and a mask, but for the lowest.
  return getCost(target, form, getDigitsPerByte(base), *decode) < getCost(target, form, fields, 2 * fields - 1) ? base : 0;
}

} // namespace mlir::lowbit
