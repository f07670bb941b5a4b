//===- MovingAverage.cpp - ranges of batches, averaged --------------------===//
//
// Law: a state stands for a sequence of batches, and merging puts sequences one after the other.
//
//===----------------------------------------------------------------------===//

#include "lowbit/IR/Lowbit.h"
#include "lowbit/Observers/Values.h"
#include <cmath>

namespace mlir::lowbit {

LogicalResult MovingAverageObserverAttr::verify(function_ref<InFlightDiagnostic()> emitError, APFloat decay) {
  double value = decay.convertToDouble();
  if (!(value > 0 && value < 1))
    return emitError() << "moving average with decay " << value << "; expected a decay above 0 and below 1";
  return success();
}

namespace {

class MovingAverageState final : public ObserverState {
public:
  explicit MovingAverageState(double decay) : decay(decay) {}

  void observe(ArrayRef<float> values) override {
    if (values.empty())
      return;
    ValueRange32 range = findRange(values);
    append({range.smallest, range.largest, 1});
  }

  llvm::Error merge(const ObserverState &other) override {
    append(static_cast<const MovingAverageState &>(other).sums);
    return llvm::Error::success();
  }

  std::pair<double, double> getRange(NumberFormatAttrInterface, bool) const override {
    if (sums.batches == 0)
      return {0, 0};
    double weight = (1 - std::pow(decay, static_cast<double>(sums.batches))) / (1 - decay);
    return {sums.smallest / weight, sums.largest / weight};
  }

  llvm::json::Value toJSON() const override { return llvm::json::Array{sums.smallest, sums.largest, static_cast<int64_t>(sums.batches)}; }

  llvm::Error fromJSON(const llvm::json::Value &value) override;
  size_t getNumBytes() const override { return sizeof(*this); }

private:
  /// Weighted sums over a sequence of batches; the last batch weighs 1.
  struct Sums {
    double smallest = 0, largest = 0;
    uint64_t batches = 0;
  };

  void append(const Sums &later) {
    double fade = std::pow(decay, static_cast<double>(later.batches));
    sums.smallest = sums.smallest * fade + later.smallest;
    sums.largest = sums.largest * fade + later.largest;
    sums.batches += later.batches;
  }

  double decay;
  Sums sums;
};

llvm::Error MovingAverageState::fromJSON(const llvm::json::Value &value) {
  const llvm::json::Array *array = value.getAsArray();
  if (!array || array->size() != 3)
    return llvm::createStringError("moving average: expected [weighted sum of smallest, of largest, batches]");
  std::optional<double> smallest = (*array)[0].getAsNumber(), largest = (*array)[1].getAsNumber();
  llvm::Expected<uint64_t> batches = readCount(&(*array)[2], "moving average batches");
  if (!batches)
    return batches.takeError();
  if (!smallest || !largest || !std::isfinite(*smallest) || !std::isfinite(*largest) || *smallest > *largest)
    return llvm::createStringError("moving average: expected finite sums, the smallest first");
  if (*batches == 0 && (*smallest != 0 || *largest != 0))
    return llvm::createStringError("moving average: sums of no batch are not zero");
  sums = {*smallest, *largest, *batches};
  return llvm::Error::success();
}

} // namespace

std::unique_ptr<ObserverState> MovingAverageObserverAttr::createState() const {
  return std::make_unique<MovingAverageState>(getDecay().convertToDouble());
}

} // namespace mlir::lowbit
