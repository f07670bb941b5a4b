//===- LaneProducts.cpp - products of weights of few bits -----------------===//
// Law: numbers are exact; sums of bytes are 2^(8 - width) times as large as they are meant where weights are signed, until `finish`.

#include "LaneProducts.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include <limits>

namespace mlir::lowbit {

Type LaneTypes::getSumType() const {
  return areBytes() ? Type(IntegerType::get(element.getContext(), 32)) : Float32Type::get(element.getContext());
}

LaneWeights LaneTypes::getWeights() const {
  return {width, element.getIntOrFloatBitWidth(), laneDepth, levels.empty() ? LaneFields::Numbers : getFieldsOfLevels(levels),
          element.isBF16() ? 7 : 10};
}

LaneProducts::LaneProducts(KernelBuilder &b, const LaneTypes &types, Value nothing)
    : b(b), types(types), weights(types.getWeights()), nothing(nothing) {
  if (!types.levels.empty())
    levels = LaneLevels::find(types.levels, types.element);
}

/// `bits` in each of the elements of a word.
static int64_t repeat(int64_t bits, int64_t elementWidth) { return elementWidth == 16 ? bits * 0x00010001 : bits * 0x01010101; }

SmallVector<Value> LaneProducts::getZeros() const {
  Value zero = arith::ConstantOp::create(b, b.getZeroAttr(types.getSumType()));
  return SmallVector<Value>(4, zero);
}

Value LaneProducts::toWord(Value floats) const {
  Value flat = vector::BitCastOp::create(b, VectorType::get({1}, b.getI32Type()), floats);
  return vector::ExtractOp::create(b, flat, 0);
}

std::array<Value, 2> LaneProducts::prepareZeros(Value first, Value second) const {
  std::array<Value, 2> prepared;
  for (auto [zero, value] : {std::pair(&prepared[0], first), std::pair(&prepared[1], second)}) {
    if (!value)
      continue;
    Value real = arith::SIToFPOp::create(b, types.element, value);
    *zero = vector::FromElementsOp::create(b, VectorType::get({2}, types.element), ValueRange{real, real});
  }
  return prepared;
}

Value LaneProducts::decodeFloats(Value word, int64_t part, Value zero) const {
  // A float whose lowest bit is worth one, and how many of its low bits fields may be in.
  bool isBF16 = types.element.isBF16();
  int64_t one = isBF16 ? 128 : 1024, bits = isBF16 ? 0x4300 : 0x6400, partsInPlace = isBF16 ? 1 : 8 / types.width;
  int64_t shift = part % partsInPlace * types.width, sign = types.isUnsigned ? 0 : int64_t(1) << (types.width - 1);
  Value moved = b.div(word, int64_t(1) << part / partsInPlace * partsInPlace * types.width);
  Value field = b.bitAnd(moved, repeat(((int64_t(1) << types.width) - 1) << shift, 16));
  // The assembler makes one instruction of both only where one of the constants is in a register.
  Value turned = b.add(nothing, b.i32(repeat(bits | sign << shift, 16)));
  Value floats = toFloats(b, b.bitXor(field, turned), types.element);
  auto type = cast<VectorType>(floats.getType());
  auto splat = [&](double value) -> Value {
    return arith::ConstantOp::create(b, DenseElementsAttr::get(type, b.getFloatAttr(types.element, value)));
  };
  double scale = 1.0 / static_cast<double>(int64_t(1) << shift), bias = static_cast<double>(one) * scale + static_cast<double>(sign);
  if (shift == 0) {
    // bf16 has whole numbers up to 256: a zero point of 8 bits and the bias together may be more.
    if (zero && isBF16)
      return arith::SubFOp::create(b, arith::SubFOp::create(b, floats, splat(bias)), zero);
    Value subtrahend = zero ? arith::AddFOp::create(b, zero, splat(bias)).getResult() : splat(bias);
    return arith::SubFOp::create(b, floats, subtrahend);
  }
  Value addend = zero ? arith::SubFOp::create(b, splat(-bias), zero).getResult() : splat(-bias);
  return math::FmaOp::create(b, floats, splat(scale), addend);
}

Value LaneProducts::decodeBytes(Value word, int64_t part) const {
  int64_t mask = (int64_t(1) << types.width) - 1, high = 8 - types.width, up = high - part * types.width;
  if (types.isUnsigned)
    return b.bitAnd(b.div(word, int64_t(1) << part * types.width), repeat(mask, 8));
  Value moved = up == 0 ? word : arith::ShLIOp::create(b, word, b.i32(up)).getResult();
  return b.bitAnd(moved, repeat(mask << high, 8));
}

SmallVector<Value> LaneProducts::decode(ArrayRef<Value> words, int64_t product, const std::array<Value, 2> &zeros) const {
  if (levels)
    return levels->decode(b, words[product], weights);
  SmallVector<Value> registers;
  for (int64_t i = 0; i < 4; ++i) {
    int64_t index = 4 * product + i, part = index % weights.getRegisters();
    Value word = words[index / weights.getRegisters()];
    registers.push_back(types.areBytes() ? decodeBytes(word, part) : decodeFloats(word, part, zeros[i % 2]));
  }
  return registers;
}

/// Words of f32 as three times half as many of bf16. The upper halves of their bits are the first; what that leaves is exact in f32, and
/// after another turn has eight digits at most. Of what is no number, and of infinities, nothing is left; below 2^-133 bf16 has no numbers.
SmallVector<SmallVector<Value>> LaneProducts::split(ArrayRef<Value> others) const {
  constexpr int64_t upper = 0xffff0000;
  SmallVector<SmallVector<Value>> parts(3);
  SmallVector<Value> rests, areFinite;
  Value zero = arith::ConstantOp::create(b, b.getF32FloatAttr(0));
  auto toReal = [&](Value word) -> Value { return arith::BitcastOp::create(b, b.getF32Type(), word); };
  auto compare = [&](arith::CmpFPredicate predicate, Value left, float right) -> Value {
    return arith::CmpFOp::create(b, predicate, left, arith::ConstantOp::create(b, b.getF32FloatAttr(right)));
  };
  for (Value word : others) {
    Value size = math::AbsFOp::create(b, toReal(word));
    areFinite.push_back(compare(arith::CmpFPredicate::OLT, size, std::numeric_limits<float>::infinity()));
    // Whose upper half might say infinity.
    Value isNone = compare(arith::CmpFPredicate::UNO, size, 0);
    rests.push_back(b.select(isNone, b.i32(0x7fc00000), word));
  }
  for (auto [i, part] : llvm::enumerate(parts)) {
    for (size_t j = 0; j < rests.size(); j += 2)
      part.push_back(arith::OrIOp::create(b, b.div(rests[j], int64_t(1) << 16), b.bitAnd(rests[j + 1], upper)));
    for (auto [rest, isFinite] : llvm::zip(rests, areFinite)) {
      if (i + 1 == parts.size())
        break;
      Value left = arith::SubFOp::create(b, toReal(rest), toReal(b.bitAnd(rest, upper)));
      rest = arith::BitcastOp::create(b, b.getI32Type(), b.select(isFinite, left, zero));
    }
  }
  return parts;
}

void LaneProducts::multiply(ArrayRef<Value> registers, ArrayRef<Value> others, MutableArrayRef<Value> sums) const {
  if (!types.areSingles)
    return multiplyOnce(registers, others, sums);
  SmallVector<SmallVector<Value>> parts = split(others);
  for (ArrayRef<Value> part : llvm::reverse(parts)) // the smallest first
    multiplyOnce(registers, part, sums);
}

void LaneProducts::multiplyOnce(ArrayRef<Value> registers, ArrayRef<Value> others, MutableArrayRef<Value> sums) const {
  auto type = LLVM::LLVMStructType::getLiteral(b.getContext(), SmallVector<Type>(4, types.getSumType()));
  SmallVector<Value> left(registers), right(others);
  NVVM::MMATypes first = NVVM::MMATypes::f16, second = NVVM::MMATypes::f16;
  std::optional<NVVM::MMAIntOverflow> overflow;
  if (types.areBytes()) {
    first = types.isUnsigned ? NVVM::MMATypes::u8 : NVVM::MMATypes::s8;
    second = NVVM::MMATypes::s8;
    overflow = NVVM::MMAIntOverflow::wrapped;
  } else if (types.element.isBF16()) {
    first = second = NVVM::MMATypes::bf16; // which come as words
    left = llvm::map_to_vector(registers, [&](Value value) { return toWord(value); });
  } else {
    right = llvm::map_to_vector(others, [&](Value value) { return toFloats(b, value, types.element); });
  }
  SmallVector<int64_t> shape{16, 8, weights.getProductDepth()};
  for (size_t i = 0; i < left.size(); i += 4) {
    Value result = NVVM::MmaOp::create(b, type, ArrayRef(left).slice(i, 4), right, ValueRange(ArrayRef<Value>(sums)), shape, std::nullopt,
                                       overflow, std::array{first, second}, std::array{NVVM::MMALayout::row, NVVM::MMALayout::col});
    llvm::copy(b.unpack(result), sums.begin());
  }
}

Value LaneProducts::finish(Value sum) const {
  if (levels && levels->getExponent() != 0)
    return arith::MulFOp::create(b, sum, arith::ConstantOp::create(b, b.getF32FloatAttr(std::ldexp(1.0F, levels->getExponent()))));
  if (!types.areBytes() || types.isUnsigned)
    return sum;
  return arith::ShRSIOp::create(b, sum, b.i32(8 - types.width));
}

} // namespace mlir::lowbit
