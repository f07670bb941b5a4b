//===- GroupedPlan.cpp - tiles of products with weights of few bits -------===//

#include "GroupedKernel.h"
#include "MatchMatmul.h"
#include "llvm/Support/FormatVariadic.h"

namespace mlir::lowbit {

GroupedKernel GroupedKernel::describe(GroupedMatmulOp op) {
  auto lhs = cast<ShapedType>(op.getLhs().getType()), init = cast<ShapedType>(op.getInit().getType());
  bool areSingles = lhs.getElementType().isF32();
  Type element = areSingles ? BFloat16Type::get(op.getContext()) : lhs.getElementType();
  GroupedKernel kernel{{},
                       {element, static_cast<int64_t>(op.getWidth()), op.getRhsUnsigned(), op.getLevels().value_or(ArrayRef<float>()),
                        LaneWeights::getLaneDepth(static_cast<int64_t>(op.getGroup()))},
                       op.getScales() ? cast<FloatType>(getElementTypeOrSelf(op.getScales().getType())) : FloatType(),
                       static_cast<int64_t>(op.getGroup()),
                       static_cast<bool>(op.getZeros())};
  kernel.types.areSingles = areSingles;
  kernel.shared.rows = getKnown(init.getDimSize(0));
  kernel.shared.columns = getKnown(init.getDimSize(1));
  kernel.shared.depth = getKnown(lhs.getDimSize(1));
  return kernel;
}

int64_t GroupedKernel::getStepDepth() const {
  int64_t usual = LaneWeights::usualDepth;
  return std::max(types.getWeights().getPieceDepth(), scale ? std::min(group, usual) : usual);
}
int64_t GroupedKernel::getStepsOfGroup() const { return scale ? std::max<int64_t>(1, group / getStepDepth()) : 1; }
int64_t GroupedKernel::getGroupsOfStep() const { return scale ? std::max<int64_t>(1, getStepDepth() / group) : 1; }
FloatType GroupedKernel::getSharedScale() const {
  return scale.getIntOrFloatBitWidth() == 8 ? FloatType(Float32Type::get(scale.getContext())) : scale;
}

GroupedPlan::GroupedPlan(const GroupedKernel &kernel, int64_t multiprocessors) : kernel(kernel) {
  constexpr int64_t usual = 4096;
  int64_t depth = kernel.shared.depth ? kernel.shared.depth : usual, columns = kernel.shared.columns ? kernel.shared.columns : usual;
  // 16 rows of f32 would take more registers than there are.
  rows = std::clamp<int64_t>(llvm::PowerOf2Ceil(kernel.shared.rows ? kernel.shared.rows : 16), 2, kernel.types.areSingles ? 8 : 16);
  // What was the fastest of some on an H200. Tiles of a block share what is read of lhs; blocks are high where each multiprocessor has one.
  // Sums of several groups of 16 rows take more registers than `emit` leaves to threads of three tiles, or to 512 of two.
  bool areSumsLarge = rows == 16 && kernel.getGroupsOfStep() > 1;
  int64_t allTiles = llvm::divideCeil(columns, LaneWeights::columns);
  tiles = 2 * multiprocessors < allTiles && !areSumsLarge ? 3 : multiprocessors < allTiles ? 2 : 1;
  // Eight warps put the dots of a step into shared memory. Until then each lane keeps those of all groups, and has zero points and rows of
  // lhs besides.
  constexpr int64_t fewGroups = 2, mostKept = 60, fewWarps = 8;
  int64_t groups = kernel.getGroupsOfStep(), rowTiles = llvm::divideCeil(rows, 8), dotBytes = (rows == 16 ? 64 : 32) << 10;
  int64_t ofRows = 2 * kernel.types.getWords() * getPieces() * kernel.types.getWeights().getProducts() * rowTiles;
  auto isLarge = [&] {
    return (groups > fewGroups && groups * tiles * (4 * rowTiles + 2 * kernel.hasZeros) + ofRows > mostKept) ||
           fewWarps * groups * getElements() * 4 > dotBytes;
  };
  while (tiles > 1 && kernel.scale && isLarge())
    --tiles;
  warps = allTiles <= tiles * multiprocessors && !areSumsLarge ? 16 : 8;
  int64_t ringBytes = (warps == 16 ? 64 : 48) << 10;
  turns = 1;
  while (warps > 4 && kernel.scale && getDots() * getElements() * 4 > dotBytes)
    warps /= 2;
  int64_t perGroup = kernel.getStepsOfGroup(), all = llvm::divideCeil(depth, kernel.getStepDepth() * perGroup * warps);
  slots = std::clamp<int64_t>(ringBytes / (warps * getSlotBytes()), 2, std::max<int64_t>(2, all * perGroup));
  if (kernel.scale)
    turns = std::clamp<int64_t>(dotBytes / (getDots() * getElements() * 4), 1, all);
  isOneTurn = !kernel.scale || (kernel.shared.depth != 0 && turns == all);
}

std::string GroupedPlan::getName() const {
  return llvm::formatv("lanes_{0}x{1}_w{2}_g{3}_{4}x{5}x{6}{7}", rows, getColumns(), kernel.types.width, kernel.group, warps, slots, turns,
                       isOneTurn ? "" : "x");
}

SumOrder GroupedPlan::getOrder() const {
  SumOrder order;
  if (kernel.types.areBytes())
    return order;
  order.matrix = kernel.types.getWeights().getProductDepth();
  order.neighbours = kernel.types.laneDepth;
  if (!kernel.scale) {
    order.parts = warps;
    order.part = kernel.getStepDepth();
  }
  if (!kernel.types.levels.empty())
    if (std::optional<LaneLevels> levels = LaneLevels::find(kernel.types.levels, kernel.types.element))
      order.exponent = levels->getExponent();
  return order;
}

SmallVector<Type> GroupedPlan::getArguments(MLIRContext *context) const {
  size_t pointers = 2 + (kernel.scale ? 1 : 0) + kernel.hasZeros + kernel.shared.operands.size() + kernel.shared.results.size();
  SmallVector<Type> types(pointers, LLVM::LLVMPointerType::get(context, 1));
  types.append(3, IntegerType::get(context, 32));
  return types;
}

} // namespace mlir::lowbit
