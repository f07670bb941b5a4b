//===- MinMax.cpp - smallest and largest value seen -----------------------===//

#include "lowbit/IR/Lowbit.h"
#include "lowbit/Observers/Values.h"

namespace mlir::lowbit {
namespace {

class MinMaxState final : public ObserverState {
public:
  void observe(ArrayRef<float> values) override { range.include(findRange(values)); }

  llvm::Error merge(const ObserverState &other) override {
    range.include(static_cast<const MinMaxState &>(other).range);
    return llvm::Error::success();
  }

  std::pair<double, double> getRange(NumberFormatAttrInterface, bool) const override {
    return range.isEmpty() ? std::pair<double, double>(0, 0) : std::pair<double, double>(range.smallest, range.largest);
  }

  llvm::json::Value toJSON() const override { return writeRange(range); }

  llvm::Error fromJSON(const llvm::json::Value &value) override {
    llvm::Expected<ValueRange32> read = readRange(&value, "minmax");
    if (!read)
      return read.takeError();
    range = *read;
    return llvm::Error::success();
  }

  size_t getNumBytes() const override { return sizeof(*this); }

private:
  ValueRange32 range;
};

} // namespace

std::unique_ptr<ObserverState> MinMaxObserverAttr::createState() const { return std::make_unique<MinMaxState>(); }

} // namespace mlir::lowbit
