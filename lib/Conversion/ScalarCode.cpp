//===- ScalarCode.cpp - scalar arithmetic on the host ---------------------===//
// Law: f32 is computed in f32, one rounding an operation, as the compiled operation does it.

#include "ScalarCode.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/Matchers.h"
#include "llvm/ADT/TypeSwitch.h"
#include "llvm/Support/MathExtras.h"
#include <cmath>

namespace mlir::lowbit {
namespace {

unsigned getWidth(Value value) { return value.getType().getIntOrFloatBitWidth(); }

/// An integer of `width` bits as `Scalar` has it.
Scalar wrap(int64_t value, unsigned width) { return Scalar::get(width == 1 ? value & 1 : llvm::SignExtend64(value, width)); }

std::optional<Scalar> compute(Operation *op, ArrayRef<Scalar> x) {
  using Result = std::optional<Scalar>;
  auto real = [](float value) -> Result { return Scalar::get(value); };
  // NaN is the result where an operand is, but with maxnumf and minnumf; ends of ranges are checked to be finite.
  return llvm::TypeSwitch<Operation *, Result>(op)
      .Case([&](arith::AddFOp) { return real(x[0].real + x[1].real); })
      .Case([&](arith::SubFOp) { return real(x[0].real - x[1].real); })
      .Case([&](arith::MulFOp) { return real(x[0].real * x[1].real); })
      .Case([&](arith::DivFOp) { return real(x[0].real / x[1].real); })
      .Case([&](arith::NegFOp) { return real(-x[0].real); })
      .Case<arith::MaximumFOp, arith::MaxNumFOp>([&](auto) { return real(std::fmax(x[0].real, x[1].real)); })
      .Case<arith::MinimumFOp, arith::MinNumFOp>([&](auto) { return real(std::fmin(x[0].real, x[1].real)); })
      .Case([&](math::RoundEvenOp) { return real(std::nearbyint(x[0].real)); })
      .Case([&](math::AbsFOp) { return real(std::fabs(x[0].real)); })
      .Case([&](arith::CmpFOp cmp) -> Result {
        return Scalar::get(static_cast<int64_t>(arith::applyCmpPredicate(cmp.getPredicate(), APFloat(x[0].real), APFloat(x[1].real))));
      })
      .Case([&](arith::SelectOp) -> Result { return x[0].integer ? x[1] : x[2]; })
      .Case([&](arith::FPToSIOp cast) -> Result {
        double bound = std::ldexp(1.0, getWidth(cast.getResult()) - 1);
        if (!(x[0].real >= -bound && x[0].real < bound))
          return std::nullopt; // has no meaning
        return Scalar::get(static_cast<int64_t>(x[0].real));
      })
      .Case([&](arith::SIToFPOp cast) { return real(static_cast<float>(llvm::SignExtend64(x[0].integer, getWidth(cast.getIn())))); })
      .Case([&](arith::ExtUIOp cast) -> Result {
        return Scalar::get(
            static_cast<int64_t>(static_cast<uint64_t>(x[0].integer) & llvm::maskTrailingOnes<uint64_t>(getWidth(cast.getIn()))));
      })
      .Case([&](arith::ExtSIOp cast) -> Result { return Scalar::get(llvm::SignExtend64(x[0].integer, getWidth(cast.getIn()))); })
      .Case([&](arith::TruncIOp cast) -> Result { return wrap(x[0].integer, getWidth(cast.getResult())); })
      .Case([&](arith::AddIOp add) -> Result { return wrap(x[0].integer + x[1].integer, getWidth(add.getResult())); })
      .Case([&](arith::SubIOp sub) -> Result { return wrap(x[0].integer - x[1].integer, getWidth(sub.getResult())); })
      .Default([](Operation *) { return std::nullopt; });
}

bool isKnown(Operation *op) {
  auto isScalar = [](Type type) { return type.isF32() || (isa<IntegerType>(type) && type.getIntOrFloatBitWidth() <= 32); };
  if (op->getNumResults() != 1 || !llvm::all_of(op->getOperandTypes(), isScalar) || !isScalar(op->getResult(0).getType()))
    return false;
  return compute(op, SmallVector<Scalar>(op->getNumOperands(), Scalar::get(int64_t(0)))).has_value(); // zeros are no trouble to any
}

Direction flip(Direction direction) {
  return direction == Direction::Constant ? direction : direction == Direction::Up ? Direction::Down : Direction::Up;
}

/// Of sums, maxima and whatever else rises with each operand.
std::optional<Direction> join(Direction x, Direction y) {
  if (x == Direction::Constant || x == y)
    return y;
  return y == Direction::Constant ? std::optional(x) : std::nullopt;
}

/// Whether the comparison is true from some value of its first operand on (1), up to one (-1), or neither (0).
int getSense(arith::CmpFPredicate predicate) {
  using P = arith::CmpFPredicate;
  if (predicate == P::OGT || predicate == P::OGE || predicate == P::UGT || predicate == P::UGE)
    return 1;
  return predicate == P::OLT || predicate == P::OLE || predicate == P::ULT || predicate == P::ULE ? -1 : 0;
}
} // namespace

unsigned ScalarCode::getSlot(Value value) {
  auto [found, isNew] = slots.try_emplace(value, values.size());
  if (!isNew)
    return found->second;
  Attribute attribute;
  Scalar scalar = Scalar::get(int64_t(0));
  if (matchPattern(value, m_Constant(&attribute))) {
    if (auto real = dyn_cast<FloatAttr>(attribute); real && real.getType().isF32())
      scalar = Scalar::get(real.getValue().convertToFloat());
    else if (auto integer = dyn_cast<IntegerAttr>(attribute); integer && isa<IntegerType>(integer.getType()))
      scalar = wrap(integer.getValue().getSExtValue(), integer.getValue().getBitWidth());
    else
      knowsAll = false;
  } else if (auto argument = dyn_cast<BlockArgument>(value); !argument || argument.getOwner() != block) {
    knowsAll = false;
  }
  values.push_back(scalar);
  return found->second;
}

std::optional<ScalarCode> ScalarCode::create(Block &block) {
  ScalarCode code;
  code.block = &block;
  for (BlockArgument argument : block.getArguments())
    code.getSlot(argument);
  for (Operation &op : block.without_terminator()) {
    if (op.hasTrait<OpTrait::ConstantLike>())
      continue;
    if (!isKnown(&op))
      return std::nullopt;
    Step step{&op, {}, 0};
    for (Value operand : op.getOperands())
      step.inputs.push_back(code.getSlot(operand));
    step.result = code.slots[op.getResult(0)] = code.values.size();
    code.values.push_back(Scalar::get(int64_t(0)));
    code.steps.push_back(std::move(step));
  }
  code.yielded = code.getSlot(block.getTerminator()->getOperand(0));
  return code.knowsAll ? std::optional(std::move(code)) : std::nullopt;
}

Scalar ScalarCode::evaluate() {
  SmallVector<Scalar, 3> inputs;
  for (const Step &step : steps) {
    inputs.clear();
    for (unsigned input : step.inputs)
      inputs.push_back(values[input]);
    // What has no meaning counts as NaN, which is not finite.
    values[step.result] = compute(step.op, inputs).value_or(Scalar::get(std::nanf("")));
  }
  return values[yielded];
}

bool ScalarCode::isFinite() const {
  return llvm::all_of(values, [](const Scalar &each) { return !each.isReal || std::isfinite(each.real); });
}

std::optional<Direction> ScalarCode::getDirection(BlockArgument argument, ArrayRef<Scalar> low, ArrayRef<Scalar> high) const {
  using Result = std::optional<Direction>;
  std::vector<Direction> directions(values.size(), Direction::Constant);
  directions[slots.lookup(argument)] = Direction::Up;
  for (const Step &step : steps) {
    SmallVector<Direction, 3> x;
    for (unsigned input : step.inputs)
      x.push_back(directions[input]);
    Direction &result = directions[step.result];
    if (llvm::all_of(x, [](Direction each) { return each == Direction::Constant; }))
      continue;
    auto isPositive = [&](unsigned operand) { return low[step.inputs[operand]].real >= 0; };
    auto scaled = [&](unsigned moving, unsigned by) { return isPositive(by) ? x[moving] : flip(x[moving]); };
    Result found = llvm::TypeSwitch<Operation *, Result>(step.op)
                       .Case<arith::AddFOp, arith::MaximumFOp, arith::MaxNumFOp, arith::MinimumFOp, arith::MinNumFOp>(
                           [&](auto) { return join(x[0], x[1]); })
                       .Case([&](arith::SubFOp) { return join(x[0], flip(x[1])); })
                       .Case([&](arith::MulFOp) -> Result {
                         if (x[0] != Direction::Constant && x[1] != Direction::Constant)
                           return std::nullopt;
                         return x[1] == Direction::Constant ? scaled(0, 1) : scaled(1, 0);
                       })
                       .Case([&](arith::DivFOp) -> Result { return x[1] == Direction::Constant ? Result(scaled(0, 1)) : std::nullopt; })
                       .Case([&](arith::NegFOp) -> Result { return flip(x[0]); })
                       .Case<math::RoundEvenOp, arith::FPToSIOp, arith::SIToFPOp, arith::ExtSIOp>([&](auto) -> Result { return x[0]; })
                       .Case([&](arith::ExtUIOp cast) -> Result {
                         // At the end it only says which bits a code has.
                         return getWidth(cast.getIn()) == 1 || step.result == yielded ? Result(x[0]) : std::nullopt;
                       })
                       .Case([&](arith::TruncIOp) -> Result {
                         // What fits at both ends fits between them.
                         bool fits = low[step.inputs[0]].integer == low[step.result].integer &&
                                     high[step.inputs[0]].integer == high[step.result].integer;
                         return fits ? Result(x[0]) : std::nullopt;
                       })
                       .Case([&](arith::CmpFOp cmp) -> Result {
                         int sense = getSense(cmp.getPredicate());
                         Result apart = join(x[0], flip(x[1])); // of the difference
                         if (sense == 0 || !apart)
                           return std::nullopt;
                         return sense > 0 ? *apart : flip(*apart);
                       })
                       .Case([&](arith::SelectOp select) -> Result {
                         auto cmp = select.getCondition().getDefiningOp<arith::CmpFOp>();
                         // The larger or the smaller of both.
                         bool same = cmp && cmp.getLhs() == select.getTrueValue() && cmp.getRhs() == select.getFalseValue();
                         bool swapped = cmp && cmp.getLhs() == select.getFalseValue() && cmp.getRhs() == select.getTrueValue();
                         if ((same || swapped) && getSense(cmp.getPredicate()) != 0)
                           return join(x[1], x[2]);
                         if (x[1] != Direction::Constant || x[2] != Direction::Constant)
                           return std::nullopt;
                         auto isLess = [&](const Scalar &a, const Scalar &b) { return a.isReal ? a.real < b.real : a.integer < b.integer; };
                         return isLess(low[step.inputs[1]], low[step.inputs[2]]) ? flip(x[0]) : x[0];
                       })
                       .Default([](Operation *) { return std::nullopt; });
    if (!found)
      return std::nullopt;
    result = *found;
  }
  return directions[yielded];
}

} // namespace mlir::lowbit
