//===- MomentRows.cpp - the rows that second moments of a site are of -----===//
//
// Law: row `r` times the weight, as a matrix, is the output of `r`.
//
//===----------------------------------------------------------------------===//

#include "lowbit/Calibration/MomentRows.h"
#include "lowbit/IR/AffineSums.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"

namespace mlir::lowbit {

/// Values that are gathered at a time.
static constexpr int64_t kGathered = 1 << 21;

/// Loops of the axes of an operand, each of which is one loop; none otherwise.
static std::optional<SmallVector<unsigned>> getLoops(AffineMap map, ArrayRef<int64_t> axes) {
  SmallVector<unsigned> loops;
  for (int64_t axis : axes) {
    auto loop = dyn_cast<AffineDimExpr>(map.getResult(axis));
    if (!loop)
      return std::nullopt;
    loops.push_back(loop.getPosition());
  }
  return loops;
}

/// Whether all elements lie in one row each, whose columns are the last axis.
static bool isRowMajor(WindowsAttr windows) {
  AffineMap map = windows.getMap();
  return windows.getColumns().size() == 1 && map.isPermutation() && map.isIdentity();
}

/// Windows of the activation whose columns are `inputs`; null with a reason where there are none.
static WindowsAttr buildWindows(linalg::LinalgOp op, AffineMap activation, AffineMap weight, ArrayRef<unsigned> inputs,
                                RankedTensorType type, std::string &reason) {
  SmallVector<utils::IteratorType> iterators = op.getIteratorTypesArray();
  SmallVector<int64_t> sizes = op.getStaticLoopRanges(), columns;
  SmallVector<unsigned> rows;
  for (unsigned loop = 0; loop < iterators.size(); ++loop) {
    bool isOfActivation = activation.isFunctionOfDim(loop), isOfWeight = weight.isFunctionOfDim(loop);
    if (iterators[loop] == utils::IteratorType::reduction) {
      if (!llvm::is_contained(inputs, loop) || !isOfActivation)
        return reason = "it sums over what its weight, or its activation, has no axis for", WindowsAttr();
    } else if (isOfActivation && isOfWeight) {
      return reason = "outputs of one group read inputs of their own (it is depthwise, grouped or a batch of products)", WindowsAttr();
    } else if (isOfActivation) {
      rows.push_back(loop);
    }
  }
  SmallVector<AffineExpr> dims(iterators.size(), getAffineConstantExpr(0, op.getContext()));
  for (auto [position, loop] : llvm::enumerate(llvm::concat<const unsigned>(ArrayRef<unsigned>(rows), inputs)))
    dims[loop] = getAffineDimExpr(position, op.getContext());
  for (unsigned loop : inputs)
    columns.push_back(sizes[loop]);
  AffineMap map = activation.replaceDimsAndSymbols(dims, {}, rows.size() + inputs.size(), 0);
  if (llvm::any_of(columns, ShapedType::isDynamic))
    return reason = "how many inputs it has is known only at run time", WindowsAttr();
  auto discard = [] { return InFlightDiagnostic(); };
  if (failed(WindowsAttr::verify(discard, columns, map)))
    return reason = "its activation is not read in windows", WindowsAttr();
  auto windows = WindowsAttr::get(op.getContext(), ArrayRef<int64_t>(columns), map);
  if (!type.hasStaticShape())
    return windows;
  for (auto [count, loop] : llvm::zip_equal(windows.getRows(type.getShape()), rows))
    if (count != sizes[loop])
      return reason = "it leaves out windows at the end of its activation", WindowsAttr();
  return windows;
}

std::optional<MomentRows> findMomentRows(QuantizableOpInterface op, std::string &reason) {
  std::string ignored;
  SmallVector<QuantizableOperand> operands = op.getQuantizableOperands(ignored);
  const QuantizableOperand *weight = nullptr, *activation = nullptr;
  for (const QuantizableOperand &operand : operands)
    (operand.role == OperandRole::Weight ? weight : activation) = &operand;
  auto structured = dyn_cast<linalg::LinalgOp>(op.getOperation());
  if (!weight || !activation || !structured) {
    reason = "no activation meets its weight";
    return std::nullopt;
  }
  AffineMap map = structured.getMatchingIndexingMap(activation->operand), weightMap = structured.getMatchingIndexingMap(weight->operand);
  std::optional<SmallVector<unsigned>> inputs = getLoops(weightMap, weight->reducedAxes);
  if (!inputs || inputs->empty()) {
    reason = "its weight is no matrix of inputs and outputs";
    return std::nullopt;
  }
  auto type = cast<RankedTensorType>(activation->operand->get().getType());
  WindowsAttr windows = buildWindows(structured, map, weightMap, *inputs, type, reason);
  if (!windows)
    return std::nullopt;
  bool isPlain = isRowMajor(windows);
  if (isPlain && type.isDynamicDim(type.getRank() - 1)) {
    reason = "how many inputs it has is known only at run time";
    return std::nullopt;
  }
  return MomentRows{*activation, isPlain ? WindowsAttr() : windows};
}

/// Offsets of all indices over `sizes`, row-major.
static std::vector<int64_t> getOffsets(ArrayRef<int64_t> sizes, ArrayRef<int64_t> strides) {
  std::vector<int64_t> offsets{0};
  for (auto [size, stride] : llvm::zip_equal(sizes, strides)) {
    std::vector<int64_t> next;
    next.reserve(offsets.size() * size);
    for (int64_t offset : offsets)
      for (int64_t index = 0; index < size; ++index)
        next.push_back(offset + index * stride);
    offsets = std::move(next);
  }
  return offsets;
}

void gatherRows(WindowsAttr windows, ArrayRef<float> values, ArrayRef<int64_t> shape, function_ref<void(ArrayRef<float>)> take) {
  unsigned numRowLoops = windows.getNumRowLoops();
  SmallVector<int64_t> strides = windows.getStrides(shape);
  std::vector<int64_t> rows = getOffsets(windows.getRows(shape), ArrayRef<int64_t>(strides).take_front(numRowLoops));
  std::vector<int64_t> columns = getOffsets(windows.getColumns(), ArrayRef<int64_t>(strides).drop_front(numRowLoops));
  std::vector<float> gathered;
  size_t most = std::max<size_t>(1, kGathered / columns.size());
  for (ArrayRef<int64_t> left = rows; !left.empty(); left = left.drop_front(std::min(most, left.size()))) {
    gathered.clear();
    for (int64_t row : left.take_front(most))
      for (int64_t column : columns)
        gathered.push_back(values[row + column]);
    take(gathered);
  }
}

} // namespace mlir::lowbit
