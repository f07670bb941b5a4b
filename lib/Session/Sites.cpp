//===- Sites.cpp - every site of a model, and the report of it ------------===//
// Law: figures come from the constants themselves; what cannot be computed is left out, never estimated in silence.

#include "lowbit/Transforms/Sites.h"
#include "Context.h"
#include "lowbit/IR/Lowbit.h"
#include "lowbit/Packings/HostPacking.h"
#include "lowbit/Report/Report.h"
#include "lowbit/Transforms/Constants.h"
#include "lowbit/Transforms/Passes.h"
#include "mlir/Pass/PassManager.h"

namespace mlir::lowbit {
namespace json = llvm::json;

/// A copy of `module` whose sites bear the names that quantization gives them. One with names keeps them: in a quantized
/// model, what is left without a name is no site. Failure has been reported.
static OwningOpRef<ModuleOp> nameSites(ModuleOp module) {
  OwningOpRef<ModuleOp> named = cast<ModuleOp>(module->clone());
  if (named->walk([](Operation *op) { return op->hasAttr(kSiteAttr) ? WalkResult::interrupt() : WalkResult::advance(); }).wasInterrupted())
    return named;
  PassManager pm(module.getContext(), ModuleOp::getOperationName());
  pm.addPass(createNormalizeLinearsPass());
  pm.addPass(createFoldBatchNormPass());
  pm.addPass(createNameSitesPass());
  return failed(pm.run(*named)) ? OwningOpRef<ModuleOp>() : std::move(named);
}

static std::string format(json::Value value) {
  std::string text;
  llvm::raw_string_ostream(text) << value;
  return text;
}

llvm::Expected<std::string> Model::describeSites() const {
  Work work(storage->session);
  OwningOpRef<ModuleOp> named = nameSites(*storage->module);
  if (!named)
    return work.takeError("sites could not be named");
  json::Array rows;
  named->walk([&](Operation *op) {
    auto site = op->getAttrOfType<StringAttr>(kSiteAttr);
    if (!site)
      return;
    std::string kind, reason;
    bool quantized = isa<LowbitDialect>(op->getDialect());
    bool able = quantized;
    if (auto quantizable = dyn_cast<QuantizableOpInterface>(op)) {
      kind = quantizable.getSiteKind().str();
      able = !quantizable.getQuantizableOperands(reason).empty();
    }
    if (auto left = op->getAttrOfType<StringAttr>(kFloatReasonAttr))
      reason = left.str();
    rows.push_back(json::Object{{"name", site.getValue()},
                                {"kind", kind},
                                {"op", op->getName().getStringRef()},
                                {"quantizable", able},
                                {"quantized", quantized},
                                {"reason", reason}});
  });
  return format(std::move(rows));
}

/// Counts of `values` in equal bins over their range.
static json::Object makeHistogram(ArrayRef<float> values) {
  constexpr int64_t numBins = 48;
  auto [low, high] = std::minmax_element(values.begin(), values.end());
  std::vector<int64_t> counts(numBins, 0);
  double width = (double(*high) - *low) / numBins;
  for (float value : values)
    ++counts[width > 0 ? std::min<int64_t>(numBins - 1, static_cast<int64_t>((value - *low) / width)) : 0];
  return json::Object{{"low", *low}, {"width", width}, {"counts", json::Array(counts)}};
}

/// Codes of any width, in their low bits; none when they are not constants.
static std::vector<uint64_t> readWideCodes(Operation *op, Value codes) {
  std::vector<uint64_t> wide;
  if (std::optional<std::vector<char>> narrow = readCodes(codes)) {
    for (char code : *narrow)
      wide.push_back(static_cast<uint8_t>(code));
  } else if (ElementsAttr constant = getConstantElements(codes); constant && constant.getElementType().isInteger()) {
    if (auto integers = readIntegers(op, constant); succeeded(integers))
      wide.assign(integers->begin(), integers->end());
  }
  return wide;
}

/// The real of every code; nothing where codes or scales are not constants.
static std::vector<float> decode(Operation *op, Value codes, ElementsAttr scales, ElementsAttr zeros, SchemeAttr scheme) {
  if (!scales || !scheme || (scheme.getZero() && !zeros))
    return {};
  std::vector<uint64_t> codeValues = readWideCodes(op, codes);
  auto scaleValues = readReals(op, scales);
  FailureOr<std::vector<int64_t>> zeroValues = zeros ? readIntegers(op, zeros) : std::vector<int64_t>();
  if (failed(scaleValues) || failed(zeroValues))
    return {};
  ArrayRef<int64_t> shape = cast<ShapedType>(codes.getType()).getShape(), scaleShape = scales.getShapedType().getShape();
  uint64_t mask = llvm::maskTrailingOnes<uint64_t>(scheme.getFormat().getWidth());
  SmallVector<int64_t> index(shape.size(), 0);
  std::vector<float> reals;
  reals.reserve(codeValues.size());
  for (uint64_t code : codeValues) {
    int64_t place = 0;
    for (size_t axis = 0; axis < scaleShape.size(); ++axis)
      place = place * scaleShape[axis] + index[axis] / (shape[axis] / scaleShape[axis]);
    double zero = zeros ? (*zeroValues)[place] : 0;
    reals.push_back(static_cast<float>((scheme.getFormat().decode(code & mask) - zero) * (*scaleValues)[place]));
    for (size_t axis = shape.size(); axis-- > 0 && ++index[axis] == shape[axis];)
      index[axis] = 0;
  }
  return reals;
}

/// The reals of a site's weight, whether it is quantized or not.
static std::vector<float> getWeight(Operation *op) {
  auto constant = [](Value value) { return value ? getConstantElements(value) : ElementsAttr(); };
  if (auto contract = dyn_cast<ContractOp>(op))
    return decode(op, contract.getRhs(), constant(contract.getRhsScales()), constant(contract.getRhsZeros()), contract.getRhsSchemeAttr());
  auto quantizable = dyn_cast<QuantizableOpInterface>(op);
  std::string reason;
  if (quantizable)
    for (const QuantizableOperand &operand : quantizable.getQuantizableOperands(reason))
      if (ElementsAttr elements = constant(operand.operand->get()); elements && operand.role == OperandRole::Weight)
        if (auto reals = readReals(op, elements); succeeded(reals))
          return std::move(*reals);
  return {};
}

llvm::Expected<std::string> Model::report(const ModelStatistics *statistics) const {
  Work work(storage->session);
  OwningOpRef<ModuleOp> named = nameSites(*storage->module);
  if (!named)
    return work.takeError("sites could not be named");
  json::Object report = buildReport(*named, statistics ? &getStatistics(*statistics) : nullptr);
  llvm::StringMap<Operation *> ops;
  named->walk([&](Operation *op) {
    if (auto site = op->getAttrOfType<StringAttr>(kSiteAttr))
      ops[site] = op;
  });
  for (json::Value &value : *report["sites"].getAsArray()) {
    json::Object &row = *value.getAsObject();
    Operation *op = ops.lookup(row.getString("site").value_or(""));
    std::vector<float> reals = op ? getWeight(op) : std::vector<float>();
    if (!reals.empty())
      row["weight_histogram"] = makeHistogram(reals);
  }
  return format(std::move(report));
}

} // namespace mlir::lowbit
