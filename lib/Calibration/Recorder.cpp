//===- Recorder.cpp - feeds the values of a run into statistics -----------===//

#include "lowbit/Calibration/Recorder.h"
#include "lowbit/Calibration/MomentRows.h"

namespace mlir::lowbit {

/// `[1, 7]`: where the value at `offset` lies in a tensor of `shape`.
static std::string formatIndex(size_t offset, ArrayRef<int64_t> shape) {
  SmallVector<int64_t> index(shape.size());
  for (size_t axis = shape.size(); axis-- > 0; offset /= shape[axis])
    index[axis] = offset % shape[axis];
  std::string text;
  llvm::raw_string_ostream os(text);
  os << '[';
  llvm::interleaveComma(index, os);
  os << ']';
  return text;
}

std::string Recorder::findError(const SiteStatistics &site, ArrayRef<float> values, ArrayRef<int64_t> shape) const {
  bool fits = shape.size() == site.shape.size();
  for (auto [size, expected] : llvm::zip(shape, site.shape))
    fits &= size == expected || ShapedType::isDynamic(expected);
  if (!fits)
    return "site `" + site.name + "` was compiled for another shape than its statistics have";
  if (std::optional<size_t> bad = findNotFinite(values)) {
    bool isNaN = values[*bad] != values[*bad];
    return "site `" + site.name + "` has " + (isNaN ? "NaN" : "infinity") + " at " + formatIndex(*bad, shape) + " in run " +
           std::to_string(statistics.getRuns()) + "; calibration needs finite values, check the data and the model";
  }
  return "";
}

void Recorder::observe(uint64_t index, ArrayRef<float> values, ArrayRef<int64_t> shape) {
  if (!failure.empty())
    return;
  if (index >= statistics.getSites().size()) {
    failure = "the compiled model records more sites than its statistics have";
    return;
  }
  SiteStatistics &site = statistics.getSites()[index];
  failure = findError(site, values, shape);
  if (!failure.empty())
    return;
  // Windows of a masked tensor would have holes; all of them count.
  if (site.moments && site.windows)
    gatherRows(site.windows, values, shape, [&](ArrayRef<float> rows) { site.moments->add(rows); });
  SmallVector<int64_t> keptShape(shape);
  bool dropped = dropMaskedRows(site, values, keptShape);
  if (values.empty())
    return;
  site.histogram.observe(values);
  if (site.moments && !site.windows)
    site.moments->add(values);
  // Rows have become one axis, and the last axis is the second.
  static constexpr int64_t kLastOfTwo = 1;
  ArrayRef<int64_t> axes = site.axes;
  observeStates(site, dropped && !axes.empty() ? ArrayRef(kLastOfTwo) : axes, values, keptShape);
}

/// Keeps the rows that count, as a tensor of two axes.
bool Recorder::dropMaskedRows(const SiteStatistics &site, ArrayRef<float> &values, SmallVectorImpl<int64_t> &shape) {
  int64_t last = shape.size() - 1;
  if (rowMask.empty() || shape.empty() || shape.back() == 0 || values.size() / shape.back() != rowMask.size() ||
      llvm::any_of(site.axes, [&](int64_t axis) { return axis != last; }))
    return false;
  int64_t width = shape.back();
  keptRows.clear();
  for (auto [row, counts] : llvm::enumerate(rowMask))
    if (counts)
      keptRows.insert(keptRows.end(), values.begin() + row * width, values.begin() + (row + 1) * width);
  values = keptRows;
  shape.assign({static_cast<int64_t>(keptRows.size()) / width, width});
  return true;
}

/// Columns of a row-major matrix one after the other, in blocks that stay in the cache.
static void transpose(ArrayRef<float> values, size_t numRows, size_t numColumns, float *result) {
  constexpr size_t kBlock = 16;
  for (size_t row = 0; row < numRows; row += kBlock)
    for (size_t column = 0; column < numColumns; column += kBlock)
      for (size_t i = row, lastRow = std::min(row + kBlock, numRows); i < lastRow; ++i)
        for (size_t j = column, lastColumn = std::min(column + kBlock, numColumns); j < lastColumn; ++j)
          result[j * numRows + i] = values[i * numColumns + j];
}

/// Values of one state together, states in row-major order over `axes`, each in the order of `values`.
static void groupByAxes(ArrayRef<float> values, ArrayRef<int64_t> shape, ArrayRef<int64_t> axes, size_t numStates, float *result) {
  size_t inner = 1; // values after the last of the axes lie together already
  for (int64_t size : shape.drop_front(axes.back() + 1))
    inner *= size;
  std::vector<size_t> ends(numStates);
  for (size_t i = 0; i < numStates; ++i)
    ends[i] = i * (values.size() / numStates);
  ArrayRef<int64_t> outer = shape.take_front(axes.back() + 1);
  SmallVector<int64_t> index(outer.size());
  for (; !values.empty(); values = values.drop_front(inner)) {
    size_t state = 0;
    for (int64_t axis : axes)
      state = state * shape[axis] + index[axis];
    std::copy_n(values.data(), inner, result + ends[state]);
    ends[state] += inner;
    for (size_t axis = outer.size(); axis-- > 0 && ++index[axis] == outer[axis];)
      index[axis] = 0;
  }
}

void Recorder::observeStates(SiteStatistics &site, ArrayRef<int64_t> axes, ArrayRef<float> values, ArrayRef<int64_t> shape) {
  if (values.empty())
    return;
  size_t numStates = site.states.size(), numAxes = axes.size(), rank = shape.size();
  bool atFront = numAxes == 0 || axes.back() + 1 == static_cast<int64_t>(numAxes);
  bool atBack = numAxes != 0 && axes.front() == static_cast<int64_t>(rank - numAxes);
  if (!atFront) {
    scratch.resize(values.size());
    if (atBack)
      transpose(values, values.size() / numStates, numStates, scratch.data());
    else
      groupByAxes(values, shape, axes, numStates, scratch.data());
    values = scratch;
  }
  size_t share = values.size() / numStates;
  for (auto [i, state] : llvm::enumerate(site.states))
    state->observe(values.slice(i * share, share));
}

llvm::Error Recorder::endRun() {
  statistics.addRun();
  if (failure.empty())
    return llvm::Error::success();
  return llvm::createStringError(std::exchange(failure, ""));
}

} // namespace mlir::lowbit
