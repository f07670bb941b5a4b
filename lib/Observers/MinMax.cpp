//===- MinMax.cpp - smallest and largest value seen -----------------------===//

#include "lowbit/IR/Lowbit.h"
#include "llvm/Support/JSON.h"
#include <algorithm>
#include <limits>

namespace mlir::lowbit {
namespace {

class MinMaxState final : public ObserverState {
public:
  void observe(ArrayRef<float> values) override {
    for (float value : values) {
      smallest = std::min(smallest, value);
      largest = std::max(largest, value);
    }
  }

  llvm::Error merge(const ObserverState &other) override {
    const auto &that = static_cast<const MinMaxState &>(other);
    smallest = std::min(smallest, that.smallest);
    largest = std::max(largest, that.largest);
    return llvm::Error::success();
  }

  std::pair<double, double> getRange(NumberFormatAttrInterface, bool) const override {
    return smallest <= largest ? std::pair<double, double>(smallest, largest) : std::pair<double, double>(0, 0);
  }

  llvm::json::Value toJSON() const override {
    if (smallest > largest)
      return llvm::json::Array{};
    return llvm::json::Array{smallest, largest};
  }

  llvm::Error fromJSON(const llvm::json::Value &value) override {
    const llvm::json::Array *range = value.getAsArray();
    if (range && range->empty()) {
      *this = MinMaxState();
      return llvm::Error::success();
    }
    std::optional<double> low, high;
    if (range && range->size() == 2) {
      low = (*range)[0].getAsNumber();
      high = (*range)[1].getAsNumber();
    }
    if (!low || !high || !(*low <= *high))
      return llvm::createStringError("minmax statistics: expected [smallest, largest]");
    smallest = static_cast<float>(*low);
    largest = static_cast<float>(*high);
    return llvm::Error::success();
  }

private:
  float smallest = std::numeric_limits<float>::infinity();
  float largest = -std::numeric_limits<float>::infinity();
};

} // namespace

std::unique_ptr<ObserverState> MinMaxObserverAttr::createState() const { return std::make_unique<MinMaxState>(); }

} // namespace mlir::lowbit
