//===- Windows.cpp - rows that an op reads of a tensor --------------------===//

#include "lowbit/IR/AffineSums.h"
#include "lowbit/IR/Lowbit.h"
#include <numeric>

namespace mlir::lowbit {

std::optional<SmallVector<int64_t>> getSumFactors(AffineExpr expr, unsigned numLoops) {
  if (!expr.isPureAffine())
    return std::nullopt;
  auto evaluate = [&](std::optional<unsigned> loop) -> std::optional<int64_t> {
    SmallVector<AffineExpr> dims;
    for (unsigned i = 0; i < numLoops; ++i)
      dims.push_back(getAffineConstantExpr(loop == i ? 1 : 0, expr.getContext()));
    auto constant = dyn_cast<AffineConstantExpr>(simplifyAffineExpr(expr.replaceDimsAndSymbols(dims, {}), 0, 0));
    return constant ? std::optional(constant.getValue()) : std::nullopt;
  };
  if (evaluate(std::nullopt) != 0)
    return std::nullopt;
  SmallVector<int64_t> factors;
  AffineExpr sum = getAffineConstantExpr(0, expr.getContext());
  for (unsigned loop = 0; loop < numLoops; ++loop) {
    std::optional<int64_t> factor = evaluate(loop);
    if (!factor || *factor < 0)
      return std::nullopt;
    factors.push_back(*factor);
    sum = sum + getAffineDimExpr(loop, expr.getContext()) * *factor;
  }
  bool isSum = simplifyAffineExpr(expr - sum, numLoops, 0) == getAffineConstantExpr(0, expr.getContext());
  return isSum ? std::optional(factors) : std::nullopt;
}

/// Columns whose products with one another can be counted.
static constexpr int64_t kMostColumns = 1 << 20;

/// Factors of each dimension, by result; `map` has been verified.
static SmallVector<SmallVector<int64_t>> getFactors(AffineMap map) {
  return llvm::map_to_vector(map.getResults(), [&](AffineExpr expr) { return *getSumFactors(expr, map.getNumDims()); });
}

static std::string toText(AffineExpr expr) {
  std::string text;
  llvm::raw_string_ostream(text) << expr;
  return text;
}

LogicalResult WindowsAttr::verify(function_ref<InFlightDiagnostic()> emitError, ArrayRef<int64_t> columns, AffineMap map) {
  int64_t numColumns = 1;
  for (int64_t size : columns)
    numColumns = size > 0 && numColumns <= kMostColumns / size ? numColumns * size : kMostColumns + 1;
  if (columns.empty() || numColumns > kMostColumns)
    return emitError() << "(C1) windows have columns [" << columns << "]; expected positive sizes, and a product of at most "
                       << kMostColumns;
  if (map.getNumSymbols() != 0 || map.getNumDims() < columns.size() || !getUnusedDimsBitVector(map).none())
    return emitError() << "(C1) windows have the map " << AffineMapAttr::get(map) << "; expected no symbols, and at least "
                       << columns.size() << " dimensions, all used";
  unsigned numRows = map.getNumDims() - columns.size();
  for (AffineExpr expr : map.getResults()) {
    std::optional<SmallVector<int64_t>> factors = getSumFactors(expr, map.getNumDims());
    if (!factors)
      return emitError() << "(C2) windows read at `" << toText(expr)
                         << "`; expected a sum of dimensions with factors that are not negative";
    if (llvm::count_if(ArrayRef<int64_t>(*factors).take_front(numRows), [](int64_t factor) { return factor != 0; }) > 1)
      return emitError() << "(C2) windows read at `" << toText(expr) << "`; expected one index of a row in it at most";
  }
  return success();
}

int64_t WindowsAttr::getNumColumns() const {
  return std::accumulate(getColumns().begin(), getColumns().end(), int64_t(1), std::multiplies<>());
}

SmallVector<int64_t> WindowsAttr::getRows(ArrayRef<int64_t> shape) const {
  unsigned numRows = getNumRowLoops();
  SmallVector<int64_t> rows(numRows, std::numeric_limits<int64_t>::max());
  bool fits = true;
  for (auto [size, factors] : llvm::zip_equal(shape, getFactors(getMap()))) {
    int64_t room = size;
    for (auto [column, factor] : llvm::zip_equal(getColumns(), ArrayRef<int64_t>(factors).drop_front(numRows)))
      room -= factor * (column - 1);
    fits &= room > 0;
    for (unsigned i = 0; i < numRows; ++i)
      if (factors[i] != 0)
        rows[i] = std::min(rows[i], room > 0 ? (room - 1) / factors[i] + 1 : 0);
  }
  return fits ? rows : SmallVector<int64_t>(numRows, 0);
}

SmallVector<int64_t> WindowsAttr::getStrides(ArrayRef<int64_t> shape) const {
  SmallVector<int64_t> strides(getMap().getNumDims(), 0);
  SmallVector<SmallVector<int64_t>> factors = getFactors(getMap());
  int64_t stride = 1;
  for (size_t axis = shape.size(); axis-- > 0; stride *= shape[axis])
    for (auto [total, factor] : llvm::zip_equal(strides, factors[axis]))
      total += factor * stride;
  return strides;
}

} // namespace mlir::lowbit
