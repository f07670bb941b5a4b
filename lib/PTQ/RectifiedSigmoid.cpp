//===- RectifiedSigmoid.cpp - choices that a gradient can make ------------===//
//
// Law: the same bits whatever the vectors: loops hold no sum across elements, and nothing is contracted.
//
//===----------------------------------------------------------------------===//

#include "RectifiedSigmoid.h"
#include "lowbit/PTQ/LinearAlgebra.h"
#include "llvm/ADT/bit.h"
#include <algorithm>
#include <cmath>

// Loops are compiled for longer vectors too, and the machine picks.
#if defined(__x86_64__) && defined(__linux__)
#define LOWBIT_WIDE __attribute__((target_clones("avx2", "default")))
#else
#define LOWBIT_WIDE
#endif

namespace mlir::lowbit {

/// The stretch of the sigmoid beyond 0 and 1, the paper's.
static constexpr float kWidth = 1.2f, kLow = -0.1f;
/// Gradients below this, in units of the curvature, are roundings of f32, which Adam must not blow up.
static constexpr float kQuiet = 1e-4f;
static constexpr double kFirstBeta = 20, kLastBeta = 2;
/// Elements whose intermediate values stay in the first cache.
static constexpr int64_t kStrip = 256;

RoundingChoice::RoundingChoice(llvm::ArrayRef<float> metric, int64_t rows, int64_t columns, double strength)
    : metric(metric), rows(rows), columns(columns), strength(static_cast<float>(strength)) {
  for (auto *array : {&rest, &step, &variable, &up, &slope, &error, &gradient, &unit, &momentum, &power})
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

//===----------------------------------------------------------------------===//
// Strips
//===----------------------------------------------------------------------===//

/// `e^x` of a moderate `x`: the power of two by exponent bits, the rest by its series.
static inline __attribute__((always_inline)) float exponentiate(float x) {
  constexpr float kRounder = 12582912; // 1.5 * 2^23: adding it rounds to an integer
  float power = std::min(std::max(x, -30.0f), 30.0f) * 1.44269504f, whole = (power + kRounder) - kRounder;
  float part = (power - whole) * 0.693147181f;
  float series = 1 + part * (1 + part * (0.5f + part * (0.166666667f + part * (0.0416666667f + part * 0.00833333333f))));
  return series * llvm::bit_cast<float>((static_cast<int32_t>(whole) + 127) << 23);
}

/// `h(v)`, its derivative, and what each weight is off by.
LOWBIT_WIDE static void openStrip(int64_t count, const float *__restrict variable, const float *__restrict step,
                                  const float *__restrict rest, float *__restrict up, float *__restrict slope, float *__restrict error) {
  for (int64_t i = 0; i < count; ++i) {
    float sigmoid = 1 / (1 + exponentiate(-variable[i])), stretched = sigmoid * kWidth + kLow;
    float gate = std::min(std::max(stretched, 0.0f), 1.0f), old = up[i], steep = kWidth * sigmoid * (1 - sigmoid);
    slope[i] = gate == stretched ? steep : 0.0f;
    up[i] = step[i] != 0 ? gate : old;
    error[i] = rest[i] - gate * step[i];
  }
}

/// `raised = |2 up - 1|^exponent`.
LOWBIT_WIDE static void raiseStrip(int64_t count, const float *__restrict up, int64_t exponent, float *__restrict raised) {
  float odd[kStrip];
  for (int64_t i = 0; i < count; ++i) {
    odd[i] = std::fabs(2 * up[i] - 1);
    raised[i] = exponent % 2 ? odd[i] : 1.0f;
  }
  while (exponent /= 2) {
    for (int64_t i = 0; i < count; ++i)
      odd[i] *= odd[i];
    if (exponent % 2)
      for (int64_t i = 0; i < count; ++i)
        raised[i] *= odd[i];
  }
}

namespace {
/// A step of Adam, and of the regularizer `strength * (1 - |2 h - 1|^beta)`, whose derivative has `weight`.
struct Adam {
  float rate, inverse, weight;
};
} // namespace

LOWBIT_WIDE static void moveStrip(int64_t count, Adam adam, const float *__restrict raised, const float *__restrict up,
                                  const float *__restrict slope, const float *__restrict unit, float *__restrict gradient,
                                  float *__restrict momentum, float *__restrict power, float *__restrict variable) {
  for (int64_t i = 0; i < count; ++i) {
    float byGate = gradient[i] * unit[i] - std::copysign(adam.weight * raised[i], up[i] - 0.5f), slanted = byGate * slope[i];
    momentum[i] = 0.9f * momentum[i] + 0.1f * slanted;
    power[i] = 0.999f * power[i] + 0.001f * slanted * slanted;
    variable[i] -= adam.rate * momentum[i] / (std::sqrt(power[i] * adam.inverse) + kQuiet);
    gradient[i] = 0;
  }
}

//===----------------------------------------------------------------------===//
// Tiles
//===----------------------------------------------------------------------===//

void RoundingChoice::openGates() {
  openStrip(rows * columns, variable.data(), step.data(), rest.data(), up.data(), slope.data(), error.data());
}

void RoundingChoice::learn(int64_t iterations, double rate) {
  int64_t size = rows * columns;
  for (int64_t k = 0; k < rows; ++k)
    for (int64_t n = 0; n < columns; ++n)
      unit[k * columns + n] = step[k * columns + n] != 0 ? 1 / (step[k * columns + n] * metric[k * rows + k]) : 0;
  openGates();
  for (int64_t time = 0; time < iterations; ++time) {
    int64_t beta = std::lround(kFirstBeta + (kLastBeta - kFirstBeta) * static_cast<double>(time) / static_cast<double>(iterations));
    auto mean = static_cast<float>(1 - std::pow(0.9, time + 1)), square = static_cast<float>(1 - std::pow(0.999, time + 1));
    Adam adam{static_cast<float>(rate) / mean, 1 / square, 2 * strength * static_cast<float>(beta)};
    addProduct(false, rows, columns, rows, -2, metric.data(), rows, error.data(), columns, gradient.data(), columns);
    for (int64_t i = 0; i < size; i += kStrip) {
      int64_t count = std::min(kStrip, size - i);
      float raised[kStrip];
      raiseStrip(count, &up[i], beta - 1, raised);
      moveStrip(count, adam, raised, &up[i], &slope[i], &unit[i], &gradient[i], &momentum[i], &power[i], &variable[i]);
      openStrip(count, &variable[i], &step[i], &rest[i], &up[i], &slope[i], &error[i]);
    }
  }
}

} // namespace mlir::lowbit
