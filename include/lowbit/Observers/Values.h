//===- Values.h - what observers compute over many values -----------------===//
//
// Loops that vectorize without relaxed floating point, and numbers that survive JSON with every bit.
//
//===----------------------------------------------------------------------===//
#ifndef LOWBIT_OBSERVERS_VALUES_H
#define LOWBIT_OBSERVERS_VALUES_H

#include "llvm/ADT/APFloat.h"
#include "llvm/ADT/ArrayRef.h"
#include "llvm/Support/Error.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/LogicalResult.h"
#include <limits>
#include <optional>

namespace mlir {
class AsmParser;
class AsmPrinter;
} // namespace mlir

namespace mlir::lowbit {

/// The smallest and the largest of some finite values; nothing yet when `smallest` is above `largest`. Zeros are positive.
struct ValueRange32 {
  float smallest = std::numeric_limits<float>::infinity();
  float largest = -std::numeric_limits<float>::infinity();

  bool isEmpty() const { return smallest > largest; }
  float getMagnitude() const { return std::max(-smallest, largest); }
  void include(ValueRange32 other);
};

ValueRange32 findRange(llvm::ArrayRef<float> values);

/// The index of a value that is NaN or infinite, if there is one.
std::optional<size_t> findNotFinite(llvm::ArrayRef<float> values);

/// Parts of statistics in JSON. `what` names the statistics in errors.
llvm::Expected<float> readFloat(const llvm::json::Value *value, llvm::StringRef what);
llvm::Expected<uint64_t> readCount(const llvm::json::Value *value, llvm::StringRef what);
llvm::json::Array writeRange(ValueRange32 range);
/// `[]` or `[smallest, largest]`.
llvm::Expected<ValueRange32> readRange(const llvm::json::Value *value, llvm::StringRef what);
/// The object, if it has exactly the keys `keys`.
llvm::Expected<const llvm::json::Object *> readObject(const llvm::json::Value &value, llvm::ArrayRef<llvm::StringRef> keys,
                                                      llvm::StringRef what);

/// Refuses what the JSON parser would take without a word: nesting that exhausts its stack, keys given twice.
llvm::Error checkJSONStructure(llvm::StringRef text);

/// Counts above this are not exact in every JSON reader.
constexpr uint64_t kLargestCount = uint64_t(1) << 53;

/// A decimal parameter of an attribute, printed in as few digits as give it back: `99.9`.
llvm::FailureOr<llvm::APFloat> parseDecimal(AsmParser &parser);
void printDecimal(AsmPrinter &printer, const llvm::APFloat &value);

} // namespace mlir::lowbit

#endif // LOWBIT_OBSERVERS_VALUES_H
