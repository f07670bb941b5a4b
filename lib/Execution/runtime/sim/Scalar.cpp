//===- Scalar.cpp - integer instructions of one lane ----------------------===//
#include "lowbit/Execution/Sim/Scalar.h"
#include <algorithm>
#include <cstdlib>

namespace mlir::lowbit::sim {

static int64_t getByte(bool isSigned, uint32_t word, unsigned i) {
  const auto byte = static_cast<uint8_t>(word >> (8 * i));
  return isSigned ? static_cast<int8_t>(byte) : byte;
}

static int64_t getHalf(bool isSigned, uint32_t word, unsigned i) {
  const auto half = static_cast<uint16_t>(word >> (16 * i));
  return isSigned ? static_cast<int16_t>(half) : half;
}

static int64_t extend(bool isSigned, uint32_t word) { return isSigned ? static_cast<int32_t>(word) : static_cast<int64_t>(word); }

uint32_t dp4a(bool aSigned, bool bSigned, uint32_t a, uint32_t b, uint32_t c) {
  int64_t sum = c;
  for (unsigned i = 0; i < 4; ++i)
    sum += getByte(aSigned, a, i) * getByte(bSigned, b, i);
  return static_cast<uint32_t>(sum);
}

uint32_t dp2a(bool high, bool aSigned, bool bSigned, uint32_t a, uint32_t b, uint32_t c) {
  int64_t sum = c;
  for (unsigned i = 0; i < 2; ++i)
    sum += getHalf(aSigned, a, i) * getByte(bSigned, b, 2 * high + i);
  return static_cast<uint32_t>(sum);
}

/// Which byte of b:a gets to byte `i`.
static unsigned select(Permute mode, unsigned selector, unsigned i) {
  switch (mode) {
  case Permute::Index:
    break;
  case Permute::Forward4:
    return (selector + i) % 8;
  case Permute::Backward4:
    return (selector + 8 - i) % 8;
  case Permute::Replicate8:
    return selector;
  case Permute::ClampLeft:
    return std::max(selector, i);
  case Permute::ClampRight:
    return std::min(selector, i);
  case Permute::Replicate16:
    return 2 * (selector % 2) + i % 2;
  }
  std::abort();
}

uint32_t prmt(Permute mode, uint32_t a, uint32_t b, uint32_t selector) {
  const uint64_t bytes = a | static_cast<uint64_t>(b) << 32;
  uint32_t result = 0;
  for (unsigned i = 0; i < 4; ++i) {
    const unsigned nibble = selector >> (4 * i) & 15;
    const unsigned source = mode == Permute::Index ? nibble & 7 : select(mode, selector & 3, i);
    auto byte = static_cast<uint8_t>(bytes >> (8 * source));
    if (mode == Permute::Index && nibble & 8)
      byte = byte & 0x80 ? 0xFF : 0;
    result |= static_cast<uint32_t>(byte) << (8 * i);
  }
  return result;
}

uint32_t lop3(uint32_t a, uint32_t b, uint32_t c, uint8_t table) {
  uint32_t result = 0;
  for (unsigned row = 0; row < 8; ++row)
    if (table >> row & 1)
      result |= (row & 4 ? a : ~a) & (row & 2 ? b : ~b) & (row & 1 ? c : ~c);
  return result;
}

uint32_t funnelShift(bool left, bool wrap, uint32_t low, uint32_t high, uint32_t count) {
  count = wrap ? count & 31 : std::min(count, 32u);
  const uint64_t both = low | static_cast<uint64_t>(high) << 32;
  return static_cast<uint32_t>(left ? both << count >> 32 : both >> count);
}

uint32_t shiftLeft(uint32_t a, uint32_t count) { return count > 31 ? 0 : a << count; }

uint32_t shiftRight(bool isSigned, uint32_t a, uint32_t count) {
  return static_cast<uint32_t>(extend(isSigned, a) >> std::min(count, 32u));
}

uint32_t extractField(bool isSigned, uint32_t a, uint32_t position, uint32_t length) {
  position &= 255;
  length &= 255;
  const unsigned signBit = std::min(position + length - 1, 31u);
  const bool fill = isSigned && length && (a >> signBit & 1);
  uint32_t result = 0;
  for (unsigned i = 0; i < 32; ++i) {
    const bool bit = i < length && position + i < 32 ? a >> (position + i) & 1 : fill;
    result |= static_cast<uint32_t>(bit) << i;
  }
  return result;
}

uint32_t findHighest(bool isSigned, uint32_t a) {
  if (isSigned && a >> 31)
    a = ~a;
  return a ? 31 - __builtin_clz(a) : ~0u;
}

uint32_t reverseBits(uint32_t a) {
  uint32_t result = 0;
  for (unsigned i = 0; i < 32; ++i)
    result |= (a >> i & 1) << (31 - i);
  return result;
}

uint32_t multiplyHigh(bool isSigned, uint32_t a, uint32_t b) {
  if (!isSigned)
    return static_cast<uint32_t>(static_cast<uint64_t>(a) * b >> 32);
  return static_cast<uint32_t>(extend(true, a) * extend(true, b) >> 32);
}

uint32_t saturate(bool toSigned, unsigned width, bool fromSigned, uint32_t a) {
  const int64_t span = int64_t(1) << width, low = toSigned ? -span / 2 : 0;
  return static_cast<uint32_t>(std::clamp(extend(fromSigned, a), low, low + span - 1));
}

uint32_t packSaturated(bool toSigned, uint32_t a, uint32_t b, uint32_t c) {
  const uint32_t high = saturate(toSigned, 8, true, a) & 0xFF, low = saturate(toSigned, 8, true, b) & 0xFF;
  return c << 16 | high << 8 | low;
}

} // namespace mlir::lowbit::sim
