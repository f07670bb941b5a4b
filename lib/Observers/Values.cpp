//===- Values.cpp - what observers compute over many values ---------------===//

#include "lowbit/Observers/Values.h"
#include "mlir/IR/OpImplementation.h"
#include "llvm/ADT/bit.h"
#include <cmath>
#include <cstdio>
#include <cstdlib>

namespace mlir::lowbit {

/// Values side by side in a loop; a reduction in one variable would have to keep its order and could not vectorize.
static constexpr size_t kLanes = 32;

void ValueRange32::include(ValueRange32 other) {
  smallest = std::min(smallest, other.smallest);
  largest = std::max(largest, other.largest);
}

ValueRange32 findRange(ArrayRef<float> values) {
  float smallest[kLanes], largest[kLanes];
  std::fill_n(smallest, kLanes, std::numeric_limits<float>::infinity());
  std::fill_n(largest, kLanes, -std::numeric_limits<float>::infinity());
  size_t i = 0;
  for (; i + kLanes <= values.size(); i += kLanes)
    for (size_t lane = 0; lane < kLanes; ++lane) {
      float value = values[i + lane];
      smallest[lane] = value < smallest[lane] ? value : smallest[lane];
      largest[lane] = value > largest[lane] ? value : largest[lane];
    }
  ValueRange32 range;
  for (size_t lane = 0; lane < kLanes; ++lane)
    range.include({smallest[lane], largest[lane]});
  for (; i < values.size(); ++i)
    range.include({values[i], values[i]});
  // A negative zero would make the result depend on the order of values.
  range.smallest += 0.0f;
  range.largest += 0.0f;
  return range;
}

std::optional<size_t> findNotFinite(ArrayRef<float> values) {
  // As integers, infinity and NaN are the largest magnitudes; an integer maximum is associative and vectorizes.
  constexpr uint32_t kInfinity = 0x7f800000;
  uint32_t largest = 0;
  for (float value : values)
    largest = std::max(largest, llvm::bit_cast<uint32_t>(value) & 0x7fffffff);
  if (largest < kInfinity)
    return std::nullopt;
  const float *found = llvm::find_if_not(values, [](float value) { return std::isfinite(value); });
  return found - values.begin();
}

llvm::Expected<float> readFloat(const llvm::json::Value *value, StringRef what) {
  std::optional<double> number = value ? value->getAsNumber() : std::nullopt;
  if (!number)
    return llvm::createStringError(what + ": expected a number");
  float result = static_cast<float>(*number);
  if (!std::isfinite(result) || static_cast<double>(result) != *number)
    return llvm::createStringError(what + ": " + llvm::formatv("{0}", *value).str() + " is not a finite f32");
  return result + 0.0f;
}

llvm::Expected<uint64_t> readCount(const llvm::json::Value *value, StringRef what) {
  std::optional<int64_t> number = value ? value->getAsInteger() : std::nullopt;
  if (!number || *number < 0 || static_cast<uint64_t>(*number) > kLargestCount)
    return llvm::createStringError(what + ": expected an integer from 0 to 2^53");
  return static_cast<uint64_t>(*number);
}

llvm::json::Array writeRange(ValueRange32 range) {
  if (range.isEmpty())
    return {};
  return llvm::json::Array{range.smallest, range.largest};
}

llvm::Expected<ValueRange32> readRange(const llvm::json::Value *value, StringRef what) {
  const llvm::json::Array *array = value ? value->getAsArray() : nullptr;
  if (array && array->empty())
    return ValueRange32();
  if (!array || array->size() != 2)
    return llvm::createStringError(what + ": expected [] or [smallest, largest]");
  llvm::Expected<float> smallest = readFloat(&(*array)[0], what);
  if (!smallest)
    return smallest.takeError();
  llvm::Expected<float> largest = readFloat(&(*array)[1], what);
  if (!largest)
    return largest.takeError();
  if (*smallest > *largest)
    return llvm::createStringError(what + ": smallest is above largest");
  return ValueRange32{*smallest, *largest};
}

llvm::Expected<const llvm::json::Object *> readObject(const llvm::json::Value &value, ArrayRef<StringRef> keys, StringRef what) {
  const llvm::json::Object *object = value.getAsObject();
  if (!object)
    return llvm::createStringError(what + ": expected an object");
  for (StringRef key : keys)
    if (!object->get(key))
      return llvm::createStringError(what + ": key `" + key + "` is missing");
  for (const auto &entry : *object)
    if (!llvm::is_contained(keys, StringRef(entry.first)))
      return llvm::createStringError(what + ": unknown key `" + StringRef(entry.first) + "`; expected " + llvm::join(keys, ", "));
  return object;
}

llvm::Error checkJSONStructure(StringRef text) {
  SmallVector<std::optional<llvm::StringSet<>>> open; // an object's keys; nothing for an array
  bool expectKey = false;
  for (size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if (c == '{' || c == '[') {
      if (open.size() == 16)
        return llvm::createStringError("nested more than 16 deep at byte %zu", i);
      open.emplace_back();
      if ((expectKey = c == '{'))
        open.back().emplace();
    } else if ((c == '}' || c == ']') && !open.empty()) {
      open.pop_back();
      expectKey = false;
    } else if (c == ',') {
      expectKey = !open.empty() && open.back();
    } else if (c == '"') {
      size_t begin = ++i;
      while (i < text.size() && text[i] != '"')
        i += text[i] == '\\' ? 2 : 1;
      StringRef key = text.slice(begin, i);
      if (expectKey && (key.contains('\\') || !open.back()->insert(key).second))
        return llvm::createStringError("key `" + key + "` is given twice in one object, or has an escape");
      expectKey = false;
    }
  }
  return llvm::Error::success();
}

FailureOr<APFloat> parseDecimal(AsmParser &parser) {
  double value;
  int64_t integer;
  OptionalParseResult isInteger = parser.parseOptionalInteger(integer);
  if (isInteger.has_value()) {
    if (failed(*isInteger))
      return failure();
    return APFloat(static_cast<double>(integer));
  }
  if (failed(parser.parseFloat(value)))
    return failure();
  return APFloat(value);
}

void printDecimal(AsmPrinter &printer, const APFloat &value) {
  double number = value.convertToDouble();
  char digits[32];
  for (int precision = 1; precision <= 17; ++precision) {
    std::snprintf(digits, sizeof(digits), "%.*g", precision, number);
    if (std::strtod(digits, nullptr) == number)
      break;
  }
  // A float of MLIR has a point: 1e-05 is 1.0e-05.
  auto [mantissa, exponent] = StringRef(digits).split('e');
  printer << mantissa << (mantissa.contains('.') ? "" : ".0") << (exponent.empty() ? "" : "e") << exponent;
}

} // namespace mlir::lowbit
