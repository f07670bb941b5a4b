//===- FewBits.cpp - a contraction with weights of few bits ---------------===//
// Law: a kernel computes what the contraction means, or there is a reason why not.

#include "FewBits.h"
#include "LaneLevels.h"
#include "lowbit/Analysis/AccumulatorBound.h"
#include "lowbit/Packings/HostPacking.h"
#include "llvm/Support/MathExtras.h"

namespace mlir::lowbit {

/// The bits that numbers of an interval take.
static int64_t getWidth(IntegerInterval interval) {
  for (int64_t width : {2, 4}) {
    int64_t levels = int64_t(1) << width, smallest = interval.smallest < 0 ? -levels / 2 : 0;
    if (interval.smallest >= smallest && interval.largest < smallest + levels)
      return width;
  }
  return 0;
}

FewBits::FewBits(ContractOp op, const ContractAxes &axes)
    : op(op), axes(axes), depthAxis(*op.getRhsMap().getResultPosition(getAffineDimExpr(axes.getDepthLoop(), op.getContext()))),
      element(getElementTypeOrSelf(op.getLhs().getType())) {
  SchemeAttr left = op.getLhsSchemeAttr(), right = op.getRhsSchemeAttr();
  if (!right)
    return;
  if (changesAlongReductions(op, ContractOperand::Rhs))
    group = right.getBlock()[depthAxis];
  NumberFormatAttrInterface format = right.getFormat();
  constexpr unsigned most = 4;
  if (format.isInteger()) {
    IntegerInterval interval = getCodeInterval(format);
    width = getWidth(interval);
    isUnsigned = interval.smallest >= 0;
  } else if (format.getWidth() <= most) {
    width = most;
    uint64_t mask = llvm::maskTrailingOnes<uint64_t>(format.getWidth());
    for (uint64_t code = 0; code < 1 << most; ++code)
      levels.push_back(static_cast<float>(format.decode(code & mask)));
  }
  bool isSignedByte = left && left.getFormat().getCodeType().isInteger(8) && left.getFormat().isSigned();
  becomesHalves = left && (!levels.empty() || op.getLhsZeros() || op.getRhsZeros() || !isSignedByte);
  if (becomesHalves)
    element = Float16Type::get(op.getContext());
  else if (element.isF32())
    element = BFloat16Type::get(op.getContext()); // of which a lane makes three of each
}

LaneWeights FewBits::getWeights() const {
  return {width, element.getIntOrFloatBitWidth(), LaneWeights::getLaneDepth(group),
          levels.empty() ? LaneFields::Numbers : getFieldsOfLevels(levels), element.isBF16() ? 7 : 10};
}

std::string FewBits::getLeftObstacle() {
  SchemeAttr scheme = op.getLhsSchemeAttr();
  if (!scheme)
    return element.isF16() || element.isBF16() ? "" : "left elements that meet weights of few bits are neither f16, bf16 nor f32";
  if (!scheme.getFormat().isInteger() || !isa<IntegerType>(scheme.getFormat().getCodeType()))
    return "left codes that meet weights of few bits are no integers";
  if (changesAlongReductions(op, ContractOperand::Lhs))
    return "left scales change along the reduction";
  if (becomesHalves)
    return getHalvesObstacle();
  // Sums of bytes are up to 64 times as large as they are meant.
  constexpr int64_t deepest = int64_t(1) << 16;
  return axes.getDepth() > deepest ? "the reduction of bytes is too long" : "";
}

/// Integers are f16, and sums of their products f32, without rounding, or the contraction is in f32 itself.
std::string FewBits::getHalvesObstacle() {
  constexpr int64_t largestHalf = 2048, largestSum = int64_t(1) << 24;
  IntegerInterval left = getShiftedInterval(op.getLhsSchemeAttr().getFormat(), op.getLhsZeros());
  if (std::max(-left.smallest, left.largest) > largestHalf)
    return "left codes that meet weights of few bits are no numbers of f16";
  if (!levels.empty())
    return "";
  if (group == 0)
    return "zero points, or left codes that are no signed bytes, meet weights of few bits without groups";
  IntegerInterval right = getShiftedInterval(op.getRhsSchemeAttr().getFormat(), op.getRhsZeros());
  std::optional<IntegerInterval> sums = getDotInterval(left, right, group);
  return sums && std::max(-sums->smallest, sums->largest) <= largestSum ? "" : "dots of a group of codes may not fit 24 bits";
}

std::string FewBits::getWeightObstacle() {
  if (!op.getRhsSchemeAttr())
    return "weights are not codes";
  if (width == 0)
    return "weights have numbers that do not fit four bits";
  if (!levels.empty() && (element.isF16() || element.isBF16()) && !LaneLevels::find(levels, element))
    return "weights stand for reals that are no sums of three halves";
  return "";
}

std::string FewBits::getGroupObstacle() {
  SchemeAttr scheme = op.getRhsSchemeAttr();
  int64_t smallest = element.isInteger() || width < 4 ? 32 : 16;
  if (group < smallest || group > 1024 || !llvm::isPowerOf2_64(group) || axes.getDepth() % group != 0)
    return "groups along the reduction are no power of two from " + std::to_string(smallest) + " to 1024 that divides it";
  for (auto [axis, block] : llvm::enumerate(scheme.getBlock().asArrayRef()))
    if (axis != depthAxis && block != 1)
      return "columns share scales";
  auto scale = dyn_cast<FloatType>(getElementTypeOrSelf(op.getRhsScales().getType()));
  if (!scale || !(scale.isF32() || scale.isF16() || scale.isBF16() || scale.getWidth() == 8))
    return "scales are neither f32, f16, bf16 nor floats of 8 bits";
  if (op.getRhsZeros() && (scheme.getZero().getWidth() > 8 || !scheme.getZero().isSignless()))
    return "zero points have more than 8 bits";
  return "";
}

/// Where scales do not change along the reduction.
std::string FewBits::getWholeObstacle() {
  constexpr int64_t multiple = 32; // so that rows of lhs begin where loads may
  if (axes.getDepth() % multiple != 0)
    return "the reduction is no multiple of 32";
  if (op.getRhsZeros())
    return "zero points meet weights of few bits without groups";
  for (auto [scheme, codes] : {std::pair(op.getLhsSchemeAttr(), op.getLhs()), std::pair(op.getRhsSchemeAttr(), op.getRhs())}) {
    if (!scheme || scheme.isPerTensor())
      continue;
    for (auto [block, size] : llvm::zip(scheme.getBlock().asArrayRef(), cast<RankedTensorType>(codes.getType()).getShape()))
      if (block != 0 && block != 1 && block != size)
        return "scales are shared by some but not all codes of an axis";
  }
  return "";
}

std::string FewBits::getObstacle() {
  for (const std::string &obstacle : {getWeightObstacle(), getLeftObstacle()})
    if (!obstacle.empty())
      return obstacle;
  if (axes.hasBatches())
    return "weights of few bits have batches";
  if (!readCodes(op.getRhs()))
    return "weights of few bits are not constant";
  Type result = getElementTypeOrSelf(op.getResult().getType());
  if (!result.isIntOrFloat() || result.getIntOrFloatBitWidth() < 8)
    return "elements of the result take less than a byte";
  return group == 0 ? getWholeObstacle() : getGroupObstacle();
}

} // namespace mlir::lowbit
