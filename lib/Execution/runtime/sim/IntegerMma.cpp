//===- IntegerMma.cpp - mma.sync of 8, 4 and 1-bit integers ---------------===//
#include "lowbit/Execution/Sim/IntegerMma.h"
#include <algorithm>
#include <cstring>

namespace mlir::lowbit::sim {

IntegerRow::IntegerRow(IntegerType type, const uint8_t *bytes, unsigned count) {
  std::memset(numbers, 0, sizeof numbers);
  switch (type) {
  case IntegerType::S8:
    for (unsigned i = 0; i < count; ++i)
      numbers[i] = static_cast<int8_t>(bytes[i]);
    break;
  case IntegerType::U8:
    for (unsigned i = 0; i < count; ++i)
      numbers[i] = bytes[i];
    break;
  case IntegerType::S4:
    for (unsigned i = 0; i < 2 * count; ++i)
      numbers[i] = static_cast<int16_t>(static_cast<int8_t>(i % 2 ? bytes[i / 2] : bytes[i / 2] << 4) >> 4);
    break;
  case IntegerType::U4:
    for (unsigned i = 0; i < 2 * count; ++i)
      numbers[i] = i % 2 ? bytes[i / 2] >> 4 : bytes[i / 2] & 15;
    break;
  case IntegerType::B1:
    std::memcpy(bits, bytes, count);
    break;
  }
}

int32_t IntegerProduct::dot(const IntegerRow &rowOfA, const IntegerRow &rowOfB) const {
  int32_t sum = 0;
  if (a == IntegerType::B1) {
    for (unsigned i = 0; i < 4; ++i)
      sum += __builtin_popcountll(bits == BitOperation::And ? rowOfA.bits[i] & rowOfB.bits[i] : rowOfA.bits[i] ^ rowOfB.bits[i]);
    return sum;
  }
  for (unsigned i = 0; i < 64; ++i)
    sum += rowOfA.numbers[i] * rowOfB.numbers[i];
  return sum;
}

uint32_t IntegerProduct::accumulate(uint32_t c, int32_t product) const {
  int64_t sum = int64_t(static_cast<int32_t>(c)) + product;
  return static_cast<uint32_t>(saturate ? std::clamp<int64_t>(sum, INT32_MIN, INT32_MAX) : sum);
}

void mmaSync(const IntegerMma &form, Reads a, Reads b, Reads c, Writes d) {
  const Operands operands(a, b, form.rows, form.rowBytes);
  IntegerRow left[16], right[8];
  for (unsigned row = 0; row < form.rows; ++row)
    left[row] = IntegerRow(form.product.a, operands.a[row], form.rowBytes);
  for (unsigned row = 0; row < 8; ++row)
    right[row] = IntegerRow(form.product.b, operands.b[row], form.rowBytes);
  for (unsigned lane = 0; lane < kLanes; ++lane)
    for (unsigned r = 0; r < form.rows / 4; ++r)
      d[lane][r] = form.product.accumulate(c[lane][r], form.product.dot(left[rowOfC(lane, r)], right[columnOfC(lane, r)]));
}

} // namespace mlir::lowbit::sim
