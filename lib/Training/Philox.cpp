//===- Philox.cpp - random bits by counting -------------------------------===//
// Law: bits are a function of counter and key alone.

#include "Philox.h"
#include "mlir/Dialect/Arith/IR/Arith.h"

namespace mlir::lowbit {

constexpr uint32_t kMultiplier = 0xD256D193, kWeyl = 0x9E3779B9;
constexpr unsigned kRounds = 10;

static Value buildWord(OpBuilder &builder, Location loc, uint32_t value) {
  return arith::ConstantOp::create(builder, loc, builder.getI32IntegerAttr(static_cast<int32_t>(value)));
}

Value buildPhiloxKey(OpBuilder &builder, Location loc, Value key, unsigned index) {
  return arith::AddIOp::create(builder, loc, key, buildWord(builder, loc, index * kMultiplier));
}

Value buildPhilox(OpBuilder &builder, Location loc, Value low, Value high, Value key) {
  // Wide products instead of `mului_extended`, whose two results the vectorizer of structured ops does not take.
  Type word = builder.getI32Type(), wide = builder.getI64Type();
  Value multiplier = arith::ConstantOp::create(builder, loc, builder.getI64IntegerAttr(kMultiplier));
  Value bits = arith::ConstantOp::create(builder, loc, builder.getI64IntegerAttr(32));
  for (unsigned round = 0; round < kRounds; ++round) {
    Value roundKey = arith::AddIOp::create(builder, loc, key, buildWord(builder, loc, round * kWeyl));
    Value product = arith::MulIOp::create(builder, loc, arith::ExtUIOp::create(builder, loc, wide, low), multiplier);
    Value upper = arith::TruncIOp::create(builder, loc, word, arith::ShRUIOp::create(builder, loc, product, bits));
    low = arith::XOrIOp::create(builder, loc, arith::XOrIOp::create(builder, loc, upper, roundKey), high);
    high = arith::TruncIOp::create(builder, loc, word, product);
  }
  return low;
}

} // namespace mlir::lowbit
