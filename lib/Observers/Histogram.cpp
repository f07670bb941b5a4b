//===- Histogram.cpp - counts in bins whose width is a power of two -------===//

#include "lowbit/Observers/Histogram.h"
#include "llvm/ADT/STLExtras.h"
#include <cmath>

namespace mlir::lowbit {

/// Below this exponent a bin's width would not be a normal f32.
static constexpr int kSmallestExponent = -100;

int Histogram::getExponentFor(float magnitude) {
  return magnitude == 0 ? kSmallestExponent : std::max(kSmallestExponent, std::ilogb(magnitude) + 1);
}

double Histogram::getBinWidth() const { return std::ldexp(2.0, exponent) / numBins; }

void Histogram::growTo(int newExponent) {
  if (counts.empty()) {
    counts.assign(numBins, 0);
    exponent = newExponent;
    return;
  }
  if (newExponent <= exponent)
    return;
  int shift = std::min(newExponent - exponent, 31);
  int64_t half = numBins / 2;
  // Outwards from zero, so that a bin is read before something is added to it.
  for (int64_t i = 0; i < half; ++i) {
    uint64_t positive = std::exchange(counts[half + i], 0), negative = std::exchange(counts[half - 1 - i], 0);
    counts[half + (i >> shift)] += positive;
    counts[half - 1 - (i >> shift)] += negative;
  }
  exponent = newExponent;
}

void Histogram::observe(ArrayRef<float> values) {
  if (values.empty())
    return;
  ValueRange32 batch = findRange(values);
  range.include(batch);
  growTo(getExponentFor(batch.getMagnitude()));
  count += values.size();

  // First every index, which vectorizes, then every increment, which cannot. Multiplying by a power of two is exact.
  constexpr size_t kBlock = 512;
  int32_t bins[kBlock];
  int32_t half = numBins / 2;
  float inverse = static_cast<float>(1 / getBinWidth());
  for (; !values.empty(); values = values.drop_front(std::min(kBlock, values.size()))) {
    ArrayRef<float> block = values.take_front(kBlock);
    for (size_t i = 0; i < block.size(); ++i) {
      int32_t mask = block[i] < 0 ? -1 : 0;
      bins[i] = half + (static_cast<int32_t>(std::fabs(block[i]) * inverse) ^ mask);
    }
    for (size_t i = 0; i < block.size(); ++i)
      ++counts[bins[i]];
  }
}

llvm::Error Histogram::merge(const Histogram &other) {
  if (other.numBins != numBins)
    return llvm::createStringError("histograms of %u and of %u bins cannot be merged", numBins, other.numBins);
  if (count + other.count > kLargestCount)
    return llvm::createStringError("merged histogram counts more than 2^53 values");
  if (other.isEmpty())
    return llvm::Error::success();
  growTo(other.exponent);
  int shift = std::min(exponent - other.exponent, 31);
  for (int64_t i = 0, half = numBins / 2; i < half; ++i) {
    counts[half + (i >> shift)] += other.counts[half + i];
    counts[half - 1 - (i >> shift)] += other.counts[half - 1 - i];
  }
  count += other.count;
  range.include(other.range);
  return llvm::Error::success();
}

std::vector<uint64_t> Histogram::getMagnitudes() const {
  size_t half = numBins / 2;
  std::vector<uint64_t> magnitudes(half);
  for (size_t i = 0; i < half && !counts.empty(); ++i)
    magnitudes[i] = counts[half + i] + counts[half - 1 - i];
  return magnitudes;
}

/// The value of rank `rank` when a bin's values are spread evenly over it; `low` is where the first bin begins.
static double getOrdered(ArrayRef<uint64_t> counts, uint64_t rank, double low, double width) {
  for (uint64_t inBin : counts) {
    if (rank < inBin)
      return low + width * (rank + 0.5) / inBin;
    rank -= inBin;
    low += width;
  }
  return low;
}

double Histogram::interpolate(double q, llvm::function_ref<double(uint64_t)> getOrdered) const {
  double rank = q * static_cast<double>(count - 1);
  uint64_t below = static_cast<uint64_t>(rank);
  double low = getOrdered(below), high = getOrdered(std::min(below + 1, count - 1));
  return low + (rank - below) * (high - low);
}

double Histogram::getQuantile(double q) const {
  if (isEmpty())
    return 0;
  double low = -std::ldexp(1.0, exponent), width = getBinWidth();
  return interpolate(q, [&](uint64_t rank) -> double {
    if (rank == 0 || rank == count - 1)
      return rank == 0 ? range.smallest : range.largest;
    return std::clamp<double>(getOrdered(counts, rank, low, width), range.smallest, range.largest);
  });
}

double Histogram::getMagnitudeQuantile(double q) const {
  if (isEmpty())
    return 0;
  std::vector<uint64_t> magnitudes = getMagnitudes();
  return interpolate(q, [&](uint64_t rank) -> double {
    if (rank == count - 1)
      return range.getMagnitude();
    return std::min<double>(getOrdered(magnitudes, rank, 0, getBinWidth()), range.getMagnitude());
  });
}

llvm::json::Value Histogram::toJSON() const {
  // Runs of bins without an empty one among them: [index of the first, count, count, …].
  llvm::json::Array runs;
  bool inRun = false;
  for (auto [i, inBin] : llvm::enumerate(counts)) {
    if (inBin && !inRun)
      runs.push_back(llvm::json::Array{static_cast<int64_t>(i)});
    if (inBin)
      runs.back().getAsArray()->push_back(static_cast<int64_t>(inBin));
    inRun = inBin != 0;
  }
  return llvm::json::Object{{"bins", numBins}, {"range", writeRange(range)}, {"counts", std::move(runs)}};
}

llvm::Error Histogram::readCounts(const llvm::json::Array &runs) {
  uint64_t next = 0;
  for (const llvm::json::Value &value : runs) {
    const llvm::json::Array *run = value.getAsArray();
    if (!run || run->size() < 2)
      return llvm::createStringError("histogram: expected runs [first bin, count, …]");
    llvm::Expected<uint64_t> first = readCount(&(*run)[0], "histogram bin");
    if (!first)
      return first.takeError();
    if (*first < next || *first + run->size() - 1 > numBins)
      return llvm::createStringError("histogram: run at bin %llu of %zu counts overlaps another or leaves the %u bins",
                                     static_cast<unsigned long long>(*first), run->size() - 1, numBins);
    for (size_t i = 1; i < run->size(); ++i) {
      llvm::Expected<uint64_t> inBin = readCount(&(*run)[i], "histogram count");
      if (!inBin)
        return inBin.takeError();
      if (*inBin == 0 || (count += *inBin) > kLargestCount)
        return llvm::createStringError("histogram: a count of a run is zero, or all together are above 2^53");
      counts[*first + i - 1] = *inBin;
    }
    next = *first + run->size(); // an empty bin lies between runs
  }
  return llvm::Error::success();
}

int64_t Histogram::getBinOf(float value) const {
  int64_t magnitude = static_cast<int64_t>(std::fabs(value) / getBinWidth());
  return numBins / 2 + (value < 0 ? ~magnitude : magnitude);
}

llvm::Error Histogram::checkRange() const {
  auto first = llvm::find_if(counts, [](uint64_t inBin) { return inBin != 0; });
  auto last = std::find_if(counts.rbegin(), counts.rend(), [](uint64_t inBin) { return inBin != 0; });
  if (first == counts.end() || first - counts.begin() != getBinOf(range.smallest) || counts.rend() - last - 1 != getBinOf(range.largest))
    return llvm::createStringError("histogram: `range` does not lie in the first and last bin with a count");
  return llvm::Error::success();
}

llvm::Error Histogram::fromJSON(const llvm::json::Value &value) {
  llvm::Expected<const llvm::json::Object *> object = readObject(value, {"bins", "counts", "range"}, "histogram");
  if (!object)
    return object.takeError();
  if ((*object)->getInteger("bins") != static_cast<int64_t>(numBins))
    return llvm::createStringError("histogram: expected %u bins", numBins);
  llvm::Expected<ValueRange32> newRange = readRange((*object)->get("range"), "histogram range");
  if (!newRange)
    return newRange.takeError();
  const llvm::json::Array *runs = (*object)->getArray("counts");
  if (!runs || runs->empty() != newRange->isEmpty())
    return llvm::createStringError("histogram: expected `counts` as a list, empty if and only if `range` is");
  *this = Histogram(numBins);
  if (runs->empty())
    return llvm::Error::success();
  range = *newRange;
  growTo(getExponentFor(range.getMagnitude()));
  if (llvm::Error error = readCounts(*runs))
    return error;
  return checkRange();
}

} // namespace mlir::lowbit
