//===- AccumulatorBound.cpp - how large sums of products can get ----------===//
//
// Invariant: every partial sum, in any order, lies in the interval that is returned.
//
//===----------------------------------------------------------------------===//

#include "lowbit/Analysis/AccumulatorBound.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/Matchers.h"
#include "llvm/Support/CheckedArithmetic.h"
#include "llvm/Support/MathExtras.h"

namespace mlir::lowbit {

/// No axis of a tensor in memory is longer; stands for a length that is not known.
static constexpr int64_t kLongestAxis = int64_t(1) << 40;
/// Larger constants are not read one by one.
static constexpr int64_t kMostConstants = 1 << 16;

IntegerInterval getCodeInterval(NumberFormatAttrInterface format) {
  int64_t first = static_cast<int64_t>(format.decode(0));
  IntegerInterval interval{first, first};
  for (uint64_t code = 1; code < (uint64_t(1) << format.getWidth()); ++code) {
    int64_t value = static_cast<int64_t>(format.decode(code));
    interval.smallest = std::min(interval.smallest, value);
    interval.largest = std::max(interval.largest, value);
  }
  return interval;
}

static IntegerInterval getZeroInterval(NumberFormatAttrInterface format, Value zeros) {
  if (!zeros)
    return {0, 0};
  DenseIntElementsAttr constant;
  if (matchPattern(zeros, m_Constant(&constant)) && constant.getNumElements() > 0 && constant.getNumElements() <= kMostConstants) {
    IntegerInterval interval{INT64_MAX, INT64_MIN};
    for (const APInt &zero : constant.getValues<APInt>()) {
      int64_t value = format.isSigned() ? zero.getSExtValue() : static_cast<int64_t>(zero.getZExtValue());
      interval.smallest = std::min(interval.smallest, value);
      interval.largest = std::max(interval.largest, value);
    }
    return interval;
  }
  unsigned width = getElementTypeOrSelf(zeros.getType()).getIntOrFloatBitWidth();
  if (format.isSigned())
    return {llvm::minIntN(width), llvm::maxIntN(width)};
  return {0, static_cast<int64_t>(llvm::maxUIntN(width))};
}

IntegerInterval getShiftedInterval(NumberFormatAttrInterface format, Value zeros) {
  // Codes have at most 16 bits and zero points at most 32: no overflow.
  IntegerInterval codes = getCodeInterval(format), shift = getZeroInterval(format, zeros);
  return {codes.smallest - shift.largest, codes.largest - shift.smallest};
}

std::optional<IntegerInterval> getDotInterval(IntegerInterval lhs, IntegerInterval rhs, int64_t length) {
  if (ShapedType::isDynamic(length))
    length = kLongestAxis;
  IntegerInterval product{0, 0};
  for (int64_t left : {lhs.smallest, lhs.largest})
    for (int64_t right : {rhs.smallest, rhs.largest}) {
      std::optional<int64_t> corner = llvm::checkedMul(left, right);
      if (!corner)
        return std::nullopt;
      product.smallest = std::min(product.smallest, *corner);
      product.largest = std::max(product.largest, *corner);
    }
  std::optional<int64_t> smallest = llvm::checkedMul(product.smallest, length), largest = llvm::checkedMul(product.largest, length);
  if (!smallest || !largest)
    return std::nullopt;
  return IntegerInterval{*smallest, *largest};
}

/// Lowers the blocks of the reductions along which the scales of one side change.
static void refineBlocks(ContractOp op, Value codes, Value scales, SchemeAttr scheme, AffineMap map, MutableArrayRef<int64_t> blocks) {
  if (!scales || !scheme || scheme.isPerTensor())
    return;
  ArrayRef<int64_t> shape = cast<RankedTensorType>(codes.getType()).getShape();
  SmallVector<utils::IteratorType> iterators = op.getIteratorTypes();
  for (auto [axis, expr] : llvm::enumerate(map.getResults())) {
    int64_t share = scheme.getBlock()[axis];
    if (share == 0 || share == shape[axis])
      continue;
    // Where loops add up to an index (a convolution's window), the scale may change at every step.
    int64_t block = isa<AffineDimExpr>(expr) ? share : 1;
    for (unsigned loop = 0; loop < blocks.size(); ++loop)
      if (expr.isFunctionOfDim(loop) && iterators[loop] == utils::IteratorType::reduction)
        blocks[loop] = blocks[loop] == 0 ? block : std::min(blocks[loop], block);
  }
}

SmallVector<int64_t> getReductionBlocks(ContractOp op) {
  SmallVector<int64_t> blocks(op.getNumLoops(), 0);
  refineBlocks(op, op.getLhs(), op.getLhsScales(), op.getLhsSchemeAttr(), op.getLhsMap(), blocks);
  refineBlocks(op, op.getRhs(), op.getRhsScales(), op.getRhsSchemeAttr(), op.getRhsMap(), blocks);
  return blocks;
}

bool changesAlongReductions(ContractOp op, ContractOperand side) {
  SmallVector<int64_t> blocks(op.getNumLoops(), 0);
  if (side == ContractOperand::Lhs)
    refineBlocks(op, op.getLhs(), op.getLhsScales(), op.getLhsSchemeAttr(), op.getLhsMap(), blocks);
  else
    refineBlocks(op, op.getRhs(), op.getRhsScales(), op.getRhsSchemeAttr(), op.getRhsMap(), blocks);
  return llvm::any_of(blocks, [](int64_t block) { return block != 0; });
}

int64_t getDotLength(ContractOp op) {
  int64_t length = 1;
  SmallVector<utils::IteratorType> iterators = op.getIteratorTypes();
  for (auto [size, block, iterator] : llvm::zip_equal(op.getLoopSizes(), getReductionBlocks(op), iterators)) {
    if (iterator != utils::IteratorType::reduction)
      continue;
    int64_t extent = block != 0 ? block : size;
    if (ShapedType::isDynamic(extent))
      return ShapedType::kDynamic;
    std::optional<int64_t> product = llvm::checkedMul(length, extent);
    if (!product)
      return ShapedType::kDynamic;
    length = *product;
  }
  return length;
}

FailureOr<unsigned> getAccumulatorWidth(ContractOp op) {
  std::optional<IntegerInterval> sums =
      getDotInterval(getShiftedInterval(op.getLhsSchemeAttr().getFormat(), op.getLhsZeros()),
                     getShiftedInterval(op.getRhsSchemeAttr().getFormat(), op.getRhsZeros()), getDotLength(op));
  if (!sums)
    return failure();
  return llvm::isInt<32>(sums->smallest) && llvm::isInt<32>(sums->largest) ? 32u : 64u;
}

} // namespace mlir::lowbit
