//===- RectifiedSigmoid.cpp - choices that a gradient can make ------------===//

#include "RectifiedSigmoid.h"
#include "lowbit/PTQ/LinearAlgebra.h"
#include "llvm/ADT/bit.h"
#include <algorithm>
#include <cmath>

namespace mlir::lowbit {

/// The stretch of the sigmoid beyond 0 and 1, the paper's.
static constexpr float kWidth = 1.2f, kLow = -0.1f;
/// Gradients below this, in units of the curvature, are roundings of f32, which Adam must not blow up.
static constexpr float kQuiet = 1e-4f;
static constexpr double kFirstBeta = 20, kLastBeta = 2;

/// `e^x` of a moderate `x`: the power of two by exponent bits, the rest by its series.
static inline float exponentiate(float x) {
  constexpr float kRounder = 12582912; // 1.5 * 2^23: adding it rounds to an integer
  float power = std::min(std::max(x, -30.0f), 30.0f) * 1.44269504f, whole = (power + kRounder) - kRounder;
  float part = (power - whole) * 0.693147181f;
  float series = 1 + part * (1 + part * (0.5f + part * (0.166666667f + part * (0.0416666667f + part * 0.00833333333f))));
  return series * llvm::bit_cast<float>((static_cast<int32_t>(whole) + 127) << 23);
}

RoundingChoice::RoundingChoice(llvm::ArrayRef<float> metric, int64_t rows, int64_t columns, double strength)
    : metric(metric), rows(rows), columns(columns), strength(static_cast<float>(strength)) {
  for (auto *array : {&rest, &step, &variable, &up, &slope, &error, &gradient, &unit, &momentum, &power, &odd, &raised})
    array->resize(rows * columns);
}

void RoundingChoice::setNeighbours(int64_t row, int64_t column, float real, float below, float above) {
  int64_t i = row * columns + column;
  float share = above != below ? (real - below) / (above - below) : 0;
  bool isChoice = share > 0 && share < 1;
  step[i] = isChoice ? above - below : 0;
  rest[i] = real - (share >= 1 ? above : below);
  up[i] = share >= 1 ? 1.0f : 0.0f;
  // At first the weight itself: 1.2 sigmoid(v) - 0.1 = share.
  float sigmoid = isChoice ? (share - kLow) / kWidth : 0.5f;
  variable[i] = std::log(sigmoid / (1 - sigmoid));
}

void RoundingChoice::openGates() {
  for (int64_t i = 0, size = rows * columns; i < size; ++i) {
    float sigmoid = 1 / (1 + exponentiate(-variable[i])), stretched = sigmoid * kWidth + kLow;
    slope[i] = stretched > 0 && stretched < 1 ? kWidth * sigmoid * (1 - sigmoid) : 0;
    float gate = std::min(std::max(stretched, 0.0f), 1.0f);
    up[i] = step[i] != 0 ? gate : up[i];
    error[i] = rest[i] - gate * step[i];
  }
}

/// The derivative of `strength * (1 - |2 h - 1|^beta)`.
void RoundingChoice::addRegularizer(int64_t beta) {
  int64_t size = rows * columns;
  for (int64_t i = 0; i < size; ++i) {
    odd[i] = std::fabs(2 * up[i] - 1);
    raised[i] = 1;
  }
  for (int64_t exponent = beta - 1; exponent > 0; exponent /= 2) {
    if (exponent % 2)
      for (int64_t i = 0; i < size; ++i)
        raised[i] *= odd[i];
    for (int64_t i = 0; i < size; ++i)
      odd[i] *= odd[i];
  }
  float weight = 2 * strength * static_cast<float>(beta);
  for (int64_t i = 0; i < size; ++i)
    gradient[i] -= std::copysign(weight * raised[i], up[i] - 0.5f);
}

void RoundingChoice::stepAdam(int64_t time, float rate) {
  float mean = static_cast<float>(1 - std::pow(0.9, time)), square = static_cast<float>(1 - std::pow(0.999, time));
  float scaled = rate / mean, inverse = 1 / square;
  for (int64_t i = 0, size = rows * columns; i < size; ++i) {
    float slanted = gradient[i] * slope[i];
    momentum[i] = 0.9f * momentum[i] + 0.1f * slanted;
    power[i] = 0.999f * power[i] + 0.001f * slanted * slanted;
    variable[i] -= scaled * momentum[i] / (std::sqrt(power[i] * inverse) + kQuiet);
  }
}

void RoundingChoice::learn(int64_t iterations, double rate) {
  for (int64_t k = 0; k < rows; ++k)
    for (int64_t n = 0; n < columns; ++n)
      unit[k * columns + n] = step[k * columns + n] != 0 ? 1 / (step[k * columns + n] * metric[k * rows + k]) : 0;
  for (int64_t time = 0; time < iterations; ++time) {
    openGates();
    std::fill(gradient.begin(), gradient.end(), 0.0f);
    addProduct(false, rows, columns, rows, -2, metric.data(), rows, error.data(), columns, gradient.data(), columns);
    for (int64_t i = 0, size = rows * columns; i < size; ++i)
      gradient[i] *= unit[i];
    addRegularizer(std::lround(kFirstBeta + (kLastBeta - kFirstBeta) * static_cast<double>(time) / static_cast<double>(iterations)));
    stepAdam(time + 1, static_cast<float>(rate));
  }
  openGates();
}

} // namespace mlir::lowbit
