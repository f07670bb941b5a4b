//===- ScalingSearch.cpp - factors by what outputs are off ----------------===//
//
// Candidates are compared on at most kSampled outputs of each site, evenly spread; what is chosen is compared on all of them.
//
//===----------------------------------------------------------------------===//

#include "ScalingSearch.h"
#include "lowbit/Calibration/MomentRows.h"
#include "lowbit/PTQ/LinearAlgebra.h"
#include "lowbit/Transforms/StaticScales.h"
#include "mlir/IR/Threading.h"
#include <cmath>
#include <limits>

namespace mlir::lowbit {

static constexpr int64_t kSampled = 512;
/// Values that stand for a normal channel.
static constexpr int kPoints = 32;
/// Deviations from the mean that a row's largest value lies at.
static constexpr double kReach = 3;
/// More than any activation.
static constexpr float kBeyond = 1e30f;

/// The middles of kPoints equally likely parts of a normal distribution.
static std::vector<double> computeNormalPoints() {
  std::vector<double> points;
  for (int i = 0; i < kPoints; ++i) {
    double wanted = (i + 0.5) / kPoints, low = -8, high = 8;
    for (int step = 0; step < 60; ++step) {
      double middle = (low + high) / 2;
      (0.5 * std::erfc(-middle / std::sqrt(2.0)) < wanted ? low : high) = middle;
    }
    points.push_back((low + high) / 2);
  }
  return points;
}

ChannelMoments::ChannelMoments(const SecondMoments &moments, ArrayRef<int64_t> channelOf, int64_t numChannels)
    : mean(numChannels), square(numChannels) {
  int64_t size = moments.getNumChannels();
  auto seen = static_cast<double>(moments.getNumRows()) * static_cast<double>(size) / static_cast<double>(numChannels);
  for (int64_t k = 0; k < size; ++k) {
    mean[channelOf[k]] += moments.getSums()[k] / seen;
    square[channelOf[k]] += moments.getProducts()[k * size + k] / seen;
  }
}

FailureOr<ScalingError> ScalingError::create(const ChannelGroup &group, ReadMoments readMoments, const Statistics &statistics) {
  ScalingError error(group, statistics);
  for (const ScaledSite &scaled : group.getSites()) {
    FailureOr<std::vector<float>> weight = scaled.site->readWeight();
    if (failed(weight))
      return failure();
    error.weights.emplace_back(weight->begin(), weight->end());
    std::string reason;
    std::optional<MomentRows> rows = findMomentRows(cast<QuantizableOpInterface>(scaled.site->getOp()), reason);
    if (!rows)
      return scaled.site->getOp()->emitOpError() << "has no second moments: " << reason;
    auto *same = llvm::find_if(error.rows, [&](const Rows &each) { return each.windows == rows->windows; });
    error.rowsOf.push_back(same - error.rows.begin());
    if (same != error.rows.end())
      continue;
    FailureOr<SecondMoments> moments = readMoments(*scaled.site);
    if (failed(moments))
      return failure();
    auto numRows = static_cast<double>(moments->getNumRows());
    error.rows.push_back({rows->windows, {}});
    for (double product : moments->getProducts())
      error.rows.back().products.push_back(static_cast<float>(product / numRows));
    if (!error.mean.empty())
      continue;
    ChannelMoments channels(*moments, scaled.channelOf, group.getNumChannels());
    error.numRows = numRows;
    error.mean = channels.mean;
    for (auto [mean, square] : llvm::zip_equal(channels.mean, channels.square))
      error.deviation.push_back(std::sqrt(std::max(0.0, square - mean * mean)));
  }
  const ScaledSite &first = group.getSites().front();
  if (llvm::none_of(group.getSites(), [](const ScaledSite &scaled) { return scaled.isStatic; }))
    return error;
  auto ranges = readChannelRanges(statistics, first.site->getOp(), first.site->getName(), first.activation);
  if (failed(ranges))
    return failure();
  std::vector<float> earlier = composeFactors(first.site->getOp(), std::vector<float>(error.mean.size(), 1));
  for (auto [range, factor] : llvm::zip_equal(*ranges, earlier))
    error.ranges.push_back({range.first * factor, range.second * factor});
  return error;
}

/// The mean square of what `channel`, multiplied by `factor`, lies beyond `low` and `high`. One row in n exceeds the largest of n rows;
/// with an exponential tail, whose scale is what the largest lies above the mean by log n, it does so by that scale.
double ScalingError::estimateClipping(int64_t channel, double factor, double low, double high) const {
  double clipped = 0;
  for (auto [reach, gap] : {std::pair(mean[channel] - ranges[channel].first, ranges[channel].first * factor - low),
                            std::pair(ranges[channel].second - mean[channel], high - ranges[channel].second * factor)}) {
    double tail = reach * factor / std::log(numRows + 1);
    if (tail > 0)
      clipped += 2 / numRows * tail * tail * std::exp(-std::max(gap, 0.0) / tail);
  }
  return clipped;
}

/// The mean square of what each channel of the activation, multiplied by its factor, loses when it becomes codes.
FailureOr<std::vector<double>> ScalingError::estimateNoise(const ScaledSite &scaled, ArrayRef<float> factors) const {
  static const std::vector<double> points = computeNormalPoints();
  int64_t size = mean.size();
  std::vector<double> noise(size, 0.0);
  if (!scaled.scheme)
    return noise;
  HostQuantizer quantizer(scaled.scheme);
  auto getFactor = [&](int64_t channel) { return factors.empty() ? 1.0 : static_cast<double>(factors[channel]); };
  int64_t block = scaled.scheme.isPerTensor() ? 0 : scaled.scheme.getBlock().asArrayRef()[group.getAxis()];
  block = block == 0 ? size : block;
  for (int64_t first = 0; first < size; first += block) {
    HostScale scale;
    if (scaled.isStatic) {
      Operation *op = scaled.site->getOp();
      FailureOr<StaticScale> fixed =
          factors.empty()
              ? computeStaticScale(statistics, op, scaled.site->getName(), scaled.activation, scaled.scheme)
              : computeStaticScale(statistics, op, scaled.site->getName(), scaled.activation, scaled.scheme, composeFactors(op, factors));
      if (failed(fixed))
        return failure();
      scale = {fixed->scale, fixed->zero};
    } else {
      // Scales are computed of each row; what they are of a usual one.
      double low = 0, high = 0;
      for (int64_t channel = first; channel < first + block; ++channel) {
        low = std::min(low, (mean[channel] - kReach * deviation[channel]) * getFactor(channel));
        high = std::max(high, (mean[channel] + kReach * deviation[channel]) * getFactor(channel));
      }
      scale = quantizer.computeScale(static_cast<float>(low), static_cast<float>(high));
    }
    double lowest = quantizer.round(-kBeyond, scale), highest = quantizer.round(kBeyond, scale);
    for (int64_t channel = first; channel < first + block; ++channel) {
      if (scaled.isStatic)
        noise[channel] += estimateClipping(channel, getFactor(channel), lowest, highest);
      for (double point : points) {
        // A channel that hardly varies has one error, whichever it happens to be: spread it over a step.
        double spread = std::max<double>(deviation[channel] * getFactor(channel), scale.scale);
        double real = mean[channel] * getFactor(channel) + point * spread;
        double lost = real - quantizer.round(static_cast<float>(real), scale);
        noise[channel] += lost * lost / kPoints;
      }
    }
  }
  return noise;
}

FailureOr<double> ScalingError::measure() const {
  double total = 0;
  for (auto [scaled, weight, rowIndex] : llvm::zip_equal(group.getSites(), weights, rowsOf)) {
    FailureOr<std::vector<float>> rounded = scaled.site->readRounded();
    FailureOr<std::vector<double>> noise = estimateNoise(scaled, {});
    if (failed(rounded) || failed(noise))
      return failure();
    int64_t columns = scaled.site->getNumOutputs();
    std::vector<float> errors(weight.size());
    for (size_t i = 0; i < weight.size(); ++i) {
      errors[i] = weight[i] - (*rounded)[i];
      total += (*noise)[scaled.channelOf[i / columns]] * (*rounded)[i] * (*rounded)[i];
    }
    total += measureError(scaled.site->getOp()->getContext(), rows[rowIndex].products, errors, scaled.site->getNumInputs());
  }
  return total;
}

FailureOr<double> ScalingError::measure(ArrayRef<float> factors, bool isSampled) const {
  double total = 0;
  for (auto [index, scaled] : llvm::enumerate(group.getSites())) {
    const WeightSite &site = *scaled.site;
    ArrayRef<float> weight = weights[index];
    ArrayRef<int64_t> channelOf = scaled.channelOf;
    FailureOr<std::vector<double>> noise = estimateNoise(scaled, factors);
    if (failed(noise))
      return failure();
    int64_t inputs = site.getNumInputs(), columns = site.getNumOutputs(), taken = isSampled ? std::min(columns, kSampled) : columns;
    std::vector<float> scaledWeight(weight.size()), errors(inputs * taken);
    parallelFor(site.getOp()->getContext(), 0, inputs, [&](size_t k) {
      for (int64_t n = 0; n < columns; ++n)
        scaledWeight[k * columns + n] = weight[k * columns + n] / factors[channelOf[k]];
    });
    std::vector<HostScale> scales = site.computeScales(scaledWeight);
    if (!llvm::all_of(scales, [&](HostScale scale) { return site.getQuantizer().isUsable(scale.scale); }))
      return std::numeric_limits<double>::infinity();
    std::vector<double> energy(inputs);
    parallelFor(site.getOp()->getContext(), 0, inputs, [&](size_t k) {
      for (int64_t j = 0; j < taken; ++j) {
        int64_t n = j * columns / taken;
        double rounded = site.getQuantizer().round(scaledWeight[k * columns + n], scales[site.getScaleIndex(k, n)]);
        energy[k] += rounded * rounded;
        errors[k * taken + j] = static_cast<float>(weight[k * columns + n] - rounded * factors[channelOf[k]]);
      }
    });
    double sum = measureError(site.getOp()->getContext(), rows[rowsOf[index]].products, errors, inputs);
    for (int64_t k = 0; k < inputs; ++k)
      sum += energy[k] * (*noise)[channelOf[k]];
    total += sum * static_cast<double>(columns) / static_cast<double>(taken);
  }
  return total;
}

FailureOr<ScalingChoice> scaleByBest(ChannelGroup &group, ReadMoments readMoments, const Statistics &statistics,
                                     ArrayRef<std::vector<float>> candidates) {
  FailureOr<ScalingError> error = ScalingError::create(group, readMoments, statistics);
  if (failed(error))
    return failure();
  FailureOr<double> before = error->measure();
  if (failed(before))
    return failure();
  size_t best = 0;
  double least = std::numeric_limits<double>::infinity();
  for (auto [index, factors] : llvm::enumerate(candidates)) {
    FailureOr<double> sampled = candidates.size() == 1 ? 0.0 : error->measure(factors, /*isSampled=*/true);
    if (failed(sampled))
      return failure();
    if (*sampled < least) {
      least = *sampled;
      best = index;
    }
  }
  FailureOr<double> after = error->measure(candidates[best], /*isSampled=*/false);
  if (failed(after))
    return failure();
  ScalingChoice choice{std::nullopt, *before, *after};
  if (!(*after < *before))
    return choice;
  choice.candidate = best;
  if (failed(group.scale(candidates[best], &statistics)))
    return failure();
  return choice;
}

} // namespace mlir::lowbit
