//===- Sensitivity.cpp - what each scheme would cost each site ------------===//

#include "lowbit/Precision/Sensitivity.h"
#include "lowbit/Calibration/Statistics.h"
#include <cmath>

namespace mlir::lowbit {

/// The digits that Python writes, so that a file keeps its numbers whoever has written it last.
static void printNumber(raw_ostream &os, double number) {
  char digits[32];
  for (int precision = 1; precision <= 17; ++precision) {
    std::snprintf(digits, sizeof(digits), "%.*g", precision, number);
    if (std::strtod(digits, nullptr) == number)
      break;
  }
  os << digits;
}

void printJSON(raw_ostream &os, const llvm::json::Value &value) {
  if (const llvm::json::Array *array = value.getAsArray()) {
    os << "[";
    llvm::interleave(*array, os, [&](const llvm::json::Value &item) { printJSON(os, item); }, ", ");
    os << "]";
  } else if (const llvm::json::Object *object = value.getAsObject()) {
    std::map<StringRef, const llvm::json::Value *> fields;
    for (const auto &[key, field] : *object)
      fields[key] = &field;
    os << "{";
    llvm::interleave(
        fields, os,
        [&](const auto &field) {
          os << llvm::json::Value(field.first) << ": ";
          printJSON(os, *field.second);
        },
        ", ");
    os << "}";
  } else if (std::optional<double> number = value.getAsNumber(); number && !value.getAsInteger()) {
    printNumber(os, *number);
  } else {
    os << value;
  }
}

std::string escapePattern(StringRef site) {
  std::string pattern;
  for (char c : site) {
    if (StringRef("*?[]{}\\^!").contains(c))
      pattern += '\\';
    pattern += c;
  }
  return pattern;
}

void PrecisionScheme::printRule(raw_ostream &os, StringRef pattern) const {
  os << "\"match\": " << llvm::json::Value(pattern);
  const llvm::json::Value *floatType = keys.get("float");
  if (floatType)
    os << ", \"keep\": \"chosen by its sensitivity\"";
  // Every float model has f32 already.
  if (floatType && floatType->getAsString() == StringRef("f32"))
    return;
  for (StringRef key : {"weight", "activation", "float"})
    if (const llvm::json::Value *value = keys.get(key)) {
      os << ", \"" << key << "\": ";
      printJSON(os, *value);
    }
}

void PrecisionSpace::printRecipeHead(raw_ostream &os, StringRef name, StringRef description) const {
  os << "{\n  \"version\": 1,\n  \"name\": " << llvm::json::Value(name) << ",\n";
  if (!description.empty())
    os << "  \"description\": " << llvm::json::Value(description) << ",\n";
  if (!algorithms.empty()) {
    os << "  \"algorithms\": ";
    printJSON(os, llvm::json::Array(algorithms));
    os << ",\n";
  }
  os << "  \"rules\": [";
}

void PrecisionSpace::printRecipeTail(raw_ostream &os) const {
  for (const llvm::json::Value &rule : rules) {
    os << ",\n    ";
    printJSON(os, rule);
  }
  os << "\n  ]\n}\n";
}

LogicalResult Sensitivity::verifyModel(ModuleOp module, function_ref<InFlightDiagnostic()> emitError) const {
  if (getModelFingerprint(module) == model)
    return success();
  llvm::StringSet<> names;
  module.walk([&](Operation *op) {
    if (auto name = op->getAttrOfType<StringAttr>(kSiteAttr))
      names.insert(name);
  });
  if (names.empty())
    return emitError() << "no op has `" << kSiteAttr << "`; run `lowbit-name-sites` first";
  for (const SiteSensitivity &site : sites)
    if (!names.contains(site.name))
      return emitError() << "sensitivity is of another model: it has site `" << site.name
                         << "`, which this one has not; run `lowbit-analyze-sensitivity` or `lowbit search` on this model";
  return emitError() << "sensitivity is of another model: its sites have other names or operand types (fingerprint " << model
                     << ", this model's is " << getModelFingerprint(module)
                     << "); run `lowbit-analyze-sensitivity` or `lowbit search` on this model";
}

} // namespace mlir::lowbit
