//===- LaneLevels.cpp - reals that four bits stand for --------------------===//
// Law: the floats of a code, added up and times the power of two, are its level.

#include "LaneLevels.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "llvm/Support/MathExtras.h"

namespace mlir::lowbit {

/// `bits` in both halves of a word.
static int64_t repeat(int64_t bits) { return bits << 16 | bits; }

Value toFloats(KernelBuilder &b, Value word, Type element) {
  Value flat = vector::FromElementsOp::create(b, VectorType::get({1}, b.getI32Type()), word);
  return vector::BitCastOp::create(b, VectorType::get({2}, element), flat);
}

std::optional<LaneLevels> LaneLevels::find(ArrayRef<float> levels, Type element) {
  LaneLevels found;
  found.element = element;
  int largest;
  if (getFieldsOfLevels(levels) == LaneFields::Floats) {
    // The code 1 is 2^-15 as bits of f16; as bf16 it is 2^-127, which `moveBits` multiplies by 2^126.
    std::frexp(levels[1], &largest);
    found.exponent = largest - 1 + (element.isF16() ? 15 : 1);
    return std::abs(found.exponent) < 127 ? std::optional(found) : std::nullopt;
  }
  const llvm::fltSemantics &semantics = cast<FloatType>(element).getFloatSemantics();
  std::frexp(*llvm::max_element(levels, [](float a, float b) { return std::fabs(a) < std::fabs(b); }), &largest);
  // The low digits of levels as they are may be below what f16 holds.
  constexpr int highest = 15;
  SmallVector<int> exponents{0};
  if (element.isF16() && std::abs(highest - largest) < 127)
    exponents.push_back(highest - largest);
  for (int exponent : exponents)
    if (std::optional<SmallVector<Table>> tables = split(levels, exponent, semantics);
        tables && (found.tables.empty() || tables->size() < found.tables.size())) {
      found.exponent = -exponent;
      found.tables = *tables;
    }
  return found.tables.empty() ? std::nullopt : std::optional(found);
}

std::optional<SmallVector<LaneLevels::Table>> LaneLevels::split(ArrayRef<float> levels, int exponent, const llvm::fltSemantics &semantics) {
  constexpr unsigned most = 3;
  SmallVector<Table> tables;
  SmallVector<double> left;
  for (float level : levels)
    left.push_back(std::ldexp(static_cast<double>(level), exponent));
  do {
    if (tables.size() == most)
      return std::nullopt;
    for (auto [bits, rest] : llvm::zip(tables.emplace_back(), left)) {
      APFloat part(rest);
      bool losesInfo;
      part.convert(semantics, APFloat::rmNearestTiesToEven, &losesInfo);
      if (!part.isFinite())
        return std::nullopt;
      bits = static_cast<uint16_t>(part.bitcastToAPInt().getZExtValue());
      rest -= part.convertToDouble();
    }
  } while (llvm::any_of(left, [](double rest) { return rest != 0; }));
  return tables;
}

SmallVector<Value> LaneLevels::decode(KernelBuilder &b, Value word, const LaneWeights &weights) const {
  return tables.empty() ? moveBits(b, word, weights) : lookUp(b, word);
}

SmallVector<Value> LaneLevels::moveBits(KernelBuilder &b, Value word, const LaneWeights &weights) const {
  SmallVector<Value> registers;
  int64_t place = weights.fraction - 1, magnitudes = repeat(int64_t(7) << place), signs = repeat(int64_t(1) << 15);
  auto move = [&](int64_t left) -> Value {
    return left <= 0 ? b.div(word, int64_t(1) << -left) : arith::ShLIOp::create(b, word, b.i32(left)).getResult();
  };
  for (int64_t part = 0; part < weights.getRegisters(); ++part) {
    int64_t left = place - weights.getMagnitudePlace(part), signLeft = LaneWeights::getSignShift(part);
    Value bits = b.bitAnd(move(left), left == signLeft ? magnitudes | signs : magnitudes);
    if (left != signLeft)
      bits = arith::OrIOp::create(b, bits, b.bitAnd(move(signLeft), signs));
    Value floats = toFloats(b, bits, element);
    if (!element.isF16()) {
      auto splat = [&](double value) -> Value {
        return arith::ConstantOp::create(b, DenseElementsAttr::get(cast<ShapedType>(floats.getType()), b.getFloatAttr(element, value)));
      };
      floats = math::FmaOp::create(b, floats, splat(std::ldexp(1.0, 126)), splat(-0.0));
    }
    registers.push_back(floats);
  }
  return registers;
}

SmallVector<Value> LaneLevels::lookUp(KernelBuilder &b, Value word) const {
  auto permute = [&](Value low, Value high, Value selector) -> Value {
    return NVVM::PermuteOp::create(b, b.getI32Type(), low, high, selector, NVVM::PermuteMode::DEFAULT);
  };
  // Three bits of a code choose one of eight bytes, the fourth one of two such choices.
  Value choices = b.bitAnd(word, 0x77777777);
  Value merges = arith::OrIOp::create(b, b.bitAnd(b.div(word, 2), 0x44444444), b.i32(0x32103210));
  SmallVector<Value> registers(4 * tables.size());
  for (int64_t half = 0; half < 2; ++half) {
    Value choice = half == 0 ? choices : b.div(choices, 1 << 16), merge = half == 0 ? merges : b.div(merges, 1 << 16);
    for (auto [part, table] : llvm::enumerate(tables)) {
      Value bytes[2];
      for (int64_t high = 0; high < 2; ++high) {
        std::array<uint32_t, 4> words{};
        for (int64_t code = 0; code < 16; ++code)
          words[code / 4] |= static_cast<uint32_t>(table[code] >> 8 * high & 0xff) << code % 4 * 8;
        if (llvm::all_equal(words) && words[0] == (words[0] & 0xff) * 0x01010101u) {
          bytes[high] = b.i32(words[0]);
          continue;
        }
        Value below = permute(b.i32(words[0]), b.i32(words[1]), choice), above = permute(b.i32(words[2]), b.i32(words[3]), choice);
        bytes[high] = permute(below, above, merge);
      }
      for (int64_t i = 0; i < 2; ++i)
        registers[4 * part + 2 * half + i] = toFloats(b, permute(bytes[0], bytes[1], b.i32(i == 0 ? 0x5140 : 0x7362)), element);
    }
  }
  return registers;
}

} // namespace mlir::lowbit
