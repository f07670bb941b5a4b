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
  Value multiplier = buildWord(builder, loc, kMultiplier);
  for (unsigned round = 0; round < kRounds; ++round) {
    Value roundKey = arith::AddIOp::create(builder, loc, key, buildWord(builder, loc, round * kWeyl));
    auto product = arith::MulUIExtendedOp::create(builder, loc, low, multiplier);
    low = arith::XOrIOp::create(builder, loc, arith::XOrIOp::create(builder, loc, product.getHigh(), roundKey), high);
    high = product.getLow();
  }
  return low;
}

} // namespace mlir::lowbit
