//===- Digits.cpp - codes that are the digits of a byte -------------------===//
// Law: all of these read the same digit of the same byte.

#include "lowbit/Formats/Build.h"
#include "lowbit/IR/Lowbit.h"
#include "mlir/Dialect/Arith/IR/Arith.h"

namespace mlir::lowbit {

int64_t getDigitWeight(int64_t base, int64_t place) {
  int64_t weight = 1;
  while (place-- > 0)
    weight *= base;
  return weight;
}

int64_t getDigitsPerByte(int64_t base) {
  int64_t digits = 1;
  while (getDigitWeight(base, digits + 1) <= 256)
    ++digits;
  return digits;
}

uint8_t readDigit(uint8_t byte, int64_t base, int64_t place) {
  int64_t number = std::min<int64_t>(byte, getDigitWeight(base, getDigitsPerByte(base)) - 1);
  return number / getDigitWeight(base, place) % base;
}

/// `bytes` with the top digit taken away, as often as it may stand there: the smaller of a number and that less `weight` is what is left of
/// it, since bytes wrap.
static Value buildWithoutTop(OpBuilder &builder, Location loc, Value bytes, int64_t base, int64_t weight) {
  Value rest = bytes, step = buildIntegerLike(builder, loc, weight, 8, bytes);
  for (int64_t digit = 1; digit < base; ++digit)
    rest = arith::MinUIOp::create(builder, loc, rest, arith::SubIOp::create(builder, loc, rest, step));
  return rest;
}

/// Without division, which no machine has for bytes: the top digit is taken away, the others are looked up in what is left.
static Value buildLookedUpDigit(OpBuilder &builder, Location loc, Value bytes, int64_t base, int64_t place) {
  int64_t top = getDigitsPerByte(base) - 1, weight = getDigitWeight(base, top);
  Value rest = buildWithoutTop(builder, loc, bytes, base, weight);
  if (place == top) {
    // What was taken away, 0, `weight` or twice that, begins with the digit.
    Value taken = arith::SubIOp::create(builder, loc, bytes, rest);
    unsigned low = llvm::Log2_64(weight);
    return buildField(builder, loc, taken, low, 8 - low);
  }
  int64_t largest = 255 - (base - 1) * weight;
  SmallVector<int8_t> table;
  for (int64_t number = 0, size = llvm::PowerOf2Ceil(largest + 1); number < size; ++number)
    table.push_back(number < weight ? readDigit(number, base, place) : base - 1); // past `weight`: of a byte that is no number
  return LookupOp::create(builder, loc, bytes.getType(), rest, table);
}

Value buildDigit(OpBuilder &builder, Location loc, Value bytes, int64_t base, int64_t place) {
  if (!llvm::isPowerOf2_64(base))
    return buildLookedUpDigit(builder, loc, bytes, base, place);
  unsigned field = llvm::Log2_64(base);
  return buildField(builder, loc, bytes, place * field, field);
}

} // namespace mlir::lowbit
