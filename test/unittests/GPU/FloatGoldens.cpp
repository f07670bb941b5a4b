//===- FloatGoldens.cpp - one lane's floats -------------------------------===//
#include "ScalarModels.h"
#include "lowbit/Execution/Sim/SmallFloats.h"
#include "llvm/ADT/StringSwitch.h"
#include "llvm/ADT/bit.h"
#include <cmath>

namespace mlir::lowbit::unittest {

using sim::Format, sim::FloatOptions, sim::Rounding, sim::Function;

static std::optional<Format> parseFormat(StringRef text) {
  text.consume_back("x2");
  return llvm::StringSwitch<std::optional<Format>>(text)
      .Case("f32", Format::F32)
      .Case("f16", Format::F16)
      .Case("bf16", Format::BF16)
      .Case("tf32", Format::TF32)
      .Case("e4m3", Format::E4M3)
      .Case("e5m2", Format::E5M2)
      .Default(std::nullopt);
}

static FloatOptions parseOptions(ArrayRef<StringRef> pieces) {
  FloatOptions options;
  for (StringRef piece : pieces) {
    options.rounding = llvm::StringSwitch<Rounding>(piece)
                           .Case("rna", Rounding::NearestAway)
                           .Cases({"rz", "rzi"}, Rounding::Zero)
                           .Case("rmi", Rounding::Down)
                           .Case("rpi", Rounding::Up)
                           .Default(options.rounding);
    options.flush |= piece == "ftz";
    options.saturate |= piece == "sat";
    options.relu |= piece == "relu";
  }
  return options;
}

/// A function of 16-bit halves, on both of them.
static ScalarModel pairs(ScalarModel one) {
  return [=](Operands3 x) {
    uint32_t result = 0;
    for (unsigned shift : {0, 16}) {
      llvm::SmallVector<uint32_t, 3> halves;
      for (uint32_t word : x)
        halves.push_back(word >> shift & 0xFFFF);
      result |= one(halves) << shift;
    }
    return result;
  };
}

static ScalarModel getConversion(ArrayRef<StringRef> pieces) {
  const StringRef to = pieces[pieces.size() - 2], from = pieces.back();
  const std::optional<Format> target = parseFormat(to), source = parseFormat(from);
  const FloatOptions options = parseOptions(pieces);
  if (!source && target) // cvt.rn.f32.s32
    return [=](Operands3 x) { return sim::convertToSingle(x[0], from == "s32"); };
  if (!target) { // cvt.rni.s8.f32
    unsigned width = 0;
    if (to.drop_front().getAsInteger(10, width))
      return nullptr;
    return [=, isSigned = to[0] == 's'](Operands3 x) { return sim::convertToInteger(x[0], width, isSigned, options); };
  }
  if (to == from)
    return [=](Operands3 x) { return sim::roundToIntegral(x[0], options); };
  const bool toBytes = *target == Format::E4M3 || *target == Format::E5M2, fromBytes = *source == Format::E4M3 || *source == Format::E5M2;
  if (toBytes || fromBytes || to.ends_with("x2")) { // two at a time; of two registers the first becomes the upper one
    const unsigned width = toBytes ? 8 : 16;
    return [=](Operands3 x) {
      const bool isPair = x.size() == 2 && from == "f32";
      const unsigned step = fromBytes ? 8 : 16, mask = (1u << step) - 1;
      const uint32_t low = isPair ? x[1] : x[0] & mask, high = isPair ? x[0] : x[0] >> step & mask;
      return sim::convert(*source, low, *target, options) | sim::convert(*source, high, *target, options) << width;
    };
  }
  return [=](Operands3 x) { return sim::convert(*source, *source == Format::F32 ? x[0] : x[0] & 0xFFFF, *target, options); };
}

static ScalarModel getArithmetic(ArrayRef<StringRef> pieces) {
  using sim::Arithmetic;
  const std::optional<Format> format = parseFormat(pieces.back());
  const FloatOptions options = parseOptions(pieces);
  const StringRef verb = pieces[0];
  if (!format)
    return nullptr;
  ScalarModel model;
  const auto operation = llvm::StringSwitch<std::optional<Arithmetic>>(verb)
                             .Case("add", Arithmetic::Add)
                             .Case("sub", Arithmetic::Subtract)
                             .Case("mul", Arithmetic::Multiply)
                             .Case("div", Arithmetic::Divide)
                             .Default(std::nullopt);
  const bool keepNaN = llvm::is_contained(pieces, "NaN");
  if (operation)
    model = [=](Operands3 x) { return sim::compute(*operation, *format, x[0], x[1], options); };
  else if (verb == "fma")
    model = [=](Operands3 x) { return sim::fusedMultiplyAdd(*format, x[0], x[1], x[2], options); };
  else if (verb == "min")
    model = [=](Operands3 x) { return sim::minimum(*format, x[0], x[1], keepNaN); };
  else if (verb == "max")
    model = [=](Operands3 x) { return sim::maximum(*format, x[0], x[1], keepNaN); };
  else
    return nullptr;
  return pieces.back().ends_with("x2") ? pairs(model) : model;
}

static ScalarModel getFunction(ArrayRef<StringRef> pieces) {
  const auto function = llvm::StringSwitch<std::optional<Function>>(pieces[0])
                            .Case("ex2", Function::Exp2)
                            .Case("lg2", Function::Log2)
                            .Case("rcp", Function::Reciprocal)
                            .Case("rsqrt", Function::ReciprocalSqrt)
                            .Case("sqrt", Function::Sqrt)
                            .Case("tanh", Function::Tanh)
                            .Case("sin", Function::Sin)
                            .Case("cos", Function::Cos)
                            .Default(std::nullopt);
  const std::optional<Format> format = parseFormat(pieces.back());
  if (!function || !format)
    return nullptr;
  const bool flush = parseOptions(pieces).flush;
  const ScalarModel model = [=](Operands3 x) { return sim::approximate(*function, *format, x[0], flush); };
  return pieces.back().ends_with("x2") ? pairs(model) : model;
}

ScalarModel getFloatModel(ArrayRef<StringRef> pieces) {
  if (pieces[0] == "cvt")
    return getConversion(pieces);
  if (pieces[0] == "div" && llvm::is_contained(pieces, "approx"))
    return [](Operands3 x) { return sim::divideApproximately(x[0], x[1]); };
  if (ScalarModel model = getArithmetic(pieces))
    return model;
  return getFunction(pieces);
}

Bound getBound(ArrayRef<StringRef> pieces) {
  if (!llvm::is_contained(pieces, "approx") && !llvm::is_contained(pieces, "full"))
    return {};
  const bool isSingle = pieces.back() == "f32";
  return llvm::StringSwitch<Bound>(pieces[0])
      .Case("lg2", {2, 0x1p-22})
      .Case("tanh", isSingle ? Bound{140} : Bound{2})
      .Cases({"sin", "cos"}, {2, 0x1p-20})
      .Default({2});
}

/// The number of an f16 or bf16 in the low half, or of an f32.
static float widen(StringRef type, uint32_t code) {
  const std::optional<Format> format = parseFormat(type);
  return llvm::bit_cast<float>(*format == Format::F32 ? code : sim::convert(*format, code, Format::F32));
}

bool isNear(ArrayRef<StringRef> pieces, uint32_t got, uint32_t want, Bound bound) {
  const StringRef type = pieces.back();
  const unsigned parts = type.ends_with("x2") ? 2 : 1;
  const int mantissa = type == "f32" ? 23 : type.starts_with("bf16") ? 7 : 10, smallest = type.starts_with("f16") ? -14 : -126;
  for (unsigned part = 0; part < parts; ++part) {
    const uint32_t mask = parts == 2 ? 0xFFFF : ~0u;
    const float a = widen(type, got >> (16 * part) & mask), b = widen(type, want >> (16 * part) & mask);
    if (std::isnan(a) || std::isnan(b) || std::isinf(a) || std::isinf(b)) {
      if ((got ^ want) >> (16 * part) & mask)
        return false;
      continue;
    }
    const double unit = std::ldexp(1.0, std::max(std::ilogb(std::max(std::abs(a), 1e-44f)), smallest) - mantissa);
    if (std::abs(static_cast<double>(a) - b) > std::max(bound.units * unit, bound.absolute))
      return false;
  }
  return true;
}

} // namespace mlir::lowbit::unittest
