//===- Percentile.cpp - the range in which most values lie ----------------===//

#include "HistogramState.h"
#include "llvm/Support/MathExtras.h"

namespace mlir::lowbit {

LogicalResult verifyBins(function_ref<InFlightDiagnostic()> emitError, unsigned bins) {
  if (!llvm::isPowerOf2_32(bins) || bins < Histogram::kFewestBins || bins > Histogram::kMostBins)
    return emitError() << "histogram of " << bins << " bins; expected a power of two from " << Histogram::kFewestBins << " to "
                       << Histogram::kMostBins;
  return success();
}

LogicalResult PercentileObserverAttr::verify(function_ref<InFlightDiagnostic()> emitError, APFloat percent, unsigned bins) {
  double value = percent.convertToDouble();
  if (!(value > 50 && value <= 100))
    return emitError() << "percentile " << value << "; expected above 50 and at most 100, such as 99.9";
  return verifyBins(emitError, bins);
}

Attribute PercentileObserverAttr::parse(AsmParser &parser, Type) {
  SMLoc loc = parser.getCurrentLocation();
  FailureOr<APFloat> percent = APFloat(99.99);
  unsigned bins = Histogram::kDefaultBins;
  if (succeeded(parser.parseOptionalLess())) {
    percent = parseDecimal(parser);
    if (failed(percent))
      return {};
    if (succeeded(parser.parseOptionalComma()) && (parser.parseKeyword("bins") || parser.parseEqual() || parser.parseInteger(bins)))
      return {};
    if (parser.parseGreater())
      return {};
  }
  return getChecked([&] { return parser.emitError(loc); }, parser.getContext(), *percent, bins);
}

void PercentileObserverAttr::print(AsmPrinter &printer) const {
  printer << "<";
  printDecimal(printer, getPercent());
  if (getBins() != Histogram::kDefaultBins)
    printer << ", bins = " << getBins();
  printer << ">";
}

namespace {

class PercentileState final : public HistogramState {
public:
  PercentileState(double percent, unsigned numBins) : HistogramState(numBins), percent(percent) {}

private:
  std::pair<double, double> readRange(NumberFormatAttrInterface, bool symmetric) const override {
    if (symmetric)
      return cutToSeen(histogram.getMagnitudeQuantile(percent / 100), symmetric);
    double cut = (100 - percent) / 200;
    return {histogram.getQuantile(cut), histogram.getQuantile(1 - cut)};
  }

  double percent;
};

} // namespace

std::unique_ptr<ObserverState> PercentileObserverAttr::createState() const {
  return std::make_unique<PercentileState>(getPercent().convertToDouble(), getBins());
}

} // namespace mlir::lowbit
