//===- ObserverLaws.cpp - merging, order, growth and accuracy -------------===//

#include "../Check.h"
#include "lowbit/Calibration/Statistics.h"
#include "llvm/Support/FormatVariadic.h"
#include <cmath>
#include <random>

namespace mlir::lowbit::unittest {
namespace {

using State = std::unique_ptr<ObserverState>;

std::string toText(const ObserverState &state) { return llvm::formatv("{0}", state.toJSON()).str(); }

State observeAll(ObserverAttrInterface observer, ArrayRef<std::vector<float>> batches) {
  State state = observer.createState();
  for (ArrayRef<float> batch : batches)
    state->observe(batch);
  return state;
}

State merged(ObserverAttrInterface observer, ArrayRef<const ObserverState *> states) {
  State result = observer.createState();
  for (const ObserverState *state : states)
    llvm::cantFail(result->merge(*state));
  return result;
}

/// Batches whose ranges differ by orders of magnitude, with zeros of both signs, denormals, powers of two and large numbers.
std::vector<std::vector<float>> makeBatches(std::mt19937 &random) {
  std::vector<std::vector<float>> batches(3);
  std::normal_distribution<float> normal;
  for (auto [i, batch] : llvm::enumerate(batches)) {
    float spread = std::ldexp(1.0f, std::uniform_int_distribution<int>(-20, 20)(random));
    for (unsigned n = 100 + 577 * i; n-- > 0;)
      batch.push_back(normal(random) * spread);
    for (float special : {0.0f, -0.0f, 1e-42f, -1e-42f, 0.5f, -0.5f, spread, -spread})
      batch.push_back(special);
  }
  batches[random() % 3].push_back(random() % 2 ? 3.4e38f : -1.0f);
  return batches;
}

void checkMultisetLaws(ObserverAttrInterface observer, StringRef name, std::mt19937 &random) {
  std::vector<std::vector<float>> batches = makeBatches(random);
  State a = observeAll(observer, batches[0]), b = observeAll(observer, batches[1]), c = observeAll(observer, batches[2]);
  State ab = merged(observer, {a.get(), b.get()}), bc = merged(observer, {b.get(), c.get()});
  std::string left = toText(*merged(observer, {ab.get(), c.get()}));
  check(left == toText(*merged(observer, {a.get(), bc.get()})), name + ": (a+b)+c == a+(b+c)");
  check(toText(*ab) == toText(*merged(observer, {b.get(), a.get()})), name + ": a+b == b+a");
  check(left == toText(*observeAll(observer, batches)), name + ": merging equals seeing everything");
  std::vector<float> all;
  for (ArrayRef<float> batch : batches)
    all.insert(all.end(), batch.begin(), batch.end());
  std::shuffle(all.begin(), all.end(), random);
  check(left == toText(*observeAll(observer, all)), name + ": neither order nor batches matter");

  State read = observer.createState();
  llvm::Error error = read->fromJSON(llvm::cantFail(llvm::json::parse(left)));
  check(!error && toText(*read) == left, name + ": JSON keeps every bit");
  llvm::consumeError(std::move(error));
}

void checkMovingAverage(MLIRContext *context) {
  ObserverAttrInterface observer = parseObserver("moving_average<0.75>", context);
  auto range = [&](const State &state) { return state->getRange({}, false); };
  State sequence = observeAll(observer, {{-1, 2}, {-3, 5}, {0, 1}});
  double weights = 1 + 0.75 + 0.5625;
  check(std::fabs(range(sequence).first - (-0.5625 - 3 * 0.75) / weights) < 1e-12, "moving average: smallest");
  check(std::fabs(range(sequence).second - (2 * 0.5625 + 5 * 0.75 + 1) / weights) < 1e-12, "moving average: largest");
  State first = observeAll(observer, {{-1, 2}}), rest = observeAll(observer, {{-3, 5}, {0, 1}});
  check(std::fabs(range(merged(observer, {first.get(), rest.get()})).second - range(sequence).second) < 1e-12,
        "moving average: a merge appends");
  check(range(merged(observer, {rest.get(), first.get()})) != range(sequence), "moving average: order matters, as documented");
}

void checkQuantiles(std::mt19937 &random) {
  std::normal_distribution<float> normal;
  std::vector<float> values(10007);
  for (float &value : values)
    value = std::pow(normal(random), 3.0f);
  Histogram histogram;
  histogram.observe(values);
  std::sort(values.begin(), values.end());
  for (double q : {0.0, 0.0005, 0.01, 0.25, 0.5, 0.9, 0.999, 0.9999, 1.0}) {
    double rank = q * (values.size() - 1), below = std::floor(rank);
    float low = values[below], high = values[std::min<size_t>(below + 1, values.size() - 1)];
    double exact = low + (rank - below) * (high - low);
    check(std::fabs(histogram.getQuantile(q) - exact) <= histogram.getBinWidth(), "quantile " + llvm::Twine(int(q * 10000)) + "e-4");
  }
  check(histogram.getQuantile(0) == values.front() && histogram.getQuantile(1) == values.back(), "the ends are exact");
  check(histogram.getNumBytes() < 5000 * sizeof(uint64_t), "memory is bounded");
}

void checkClips(MLIRContext *context, std::mt19937 &random) {
  std::normal_distribution<float> normal;
  std::uniform_real_distribution<float> uniform(-1, 1);
  std::vector<float> bell(200000), flat(200000);
  for (float &value : bell)
    value = normal(random);
  for (float &value : flat)
    value = uniform(random);
  std::vector<float> spiked = bell;
  spiked.push_back(100);
  auto format = [&](StringRef text) { return cast<NumberFormatAttrInterface>(LowbitDialect::parsePolicy(context, text)); };
  auto clip = [&](StringRef observer, const std::vector<float> &values, StringRef text) {
    return observeAll(parseObserver(observer, context), values)->getRange(format(text), true).second;
  };
  // W. Bennett's and J. Max's figures for uniform quantizers of a normal distribution: 15 levels saturate near 2.6 sigma.
  double four = clip("mse", bell, "int<4>"), eight = clip("mse", bell, "int<8>");
  check(four > 2.3 && four < 2.9, "mse: 4 bits clip a normal distribution near 2.6, got " + llvm::Twine(std::to_string(four)));
  check(eight > 3.6 && eight < 4.6, "mse: 8 bits clip it near 4, got " + llvm::Twine(std::to_string(eight)));
  check(clip("mse", flat, "int<8>") > 0.98, "mse: an even distribution is not clipped");
  check(clip("mse<bins = 16384>", spiked, "float<f8E4M3FN>") > 90, "mse: a float format keeps its outliers");
  check(clip("entropy", spiked, "int<8>") < 20,
        "entropy: drops an outlier, got " + llvm::Twine(std::to_string(clip("entropy", spiked, "int<8>"))));
  check(clip("entropy", flat, "int<8>") > 0.95, "entropy: an even distribution is not clipped");
  check(clip("minmax", spiked, "int<8>") == 100, "minmax keeps outliers");
  check(clip("percentile<99.9>", spiked, "int<8>") < 4, "percentile drops them");
  for (StringRef observer : {"minmax", "moving_average", "percentile", "entropy", "mse"}) {
    State zeros = observeAll(parseObserver(observer, context), {{0.0f, -0.0f}});
    check(zeros->getRange(format("int<8>"), false) == std::pair<double, double>(0, 0), observer + ": zeros");
    State nothing = parseObserver(observer, context).createState();
    check(nothing->getRange(format("int<8>"), true) == std::pair<double, double>(0, 0), observer + ": nothing seen");
  }
}

} // namespace
} // namespace mlir::lowbit::unittest

int main() {
  using namespace mlir::lowbit::unittest;
  mlir::MLIRContext context(mlir::MLIRContext::Threading::DISABLED);
  context.loadDialect<mlir::lowbit::LowbitDialect>();
  std::mt19937 random(20261123);
  for (int round = 0; round < 20; ++round)
    for (llvm::StringRef name : {"minmax", "percentile<99.9>", "entropy<bins = 256>", "mse<bins = 65536>"})
      checkMultisetLaws(mlir::lowbit::parseObserver(name, &context), name, random);
  checkMovingAverage(&context);
  checkQuantiles(random);
  checkClips(&context, random);
  return finish();
}
