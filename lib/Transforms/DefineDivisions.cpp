//===- DefineDivisions.cpp - a result for every divisor --------------------===//
// Law: x / 0 = 0, x % 0 = 0, min / -1 = min and min % -1 = 0, on every target; a division by a harmless constant is not touched.

#include "lowbit/Transforms/Passes.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Linalg/Transforms/Transforms.h"
#include "mlir/IR/Matchers.h"

namespace mlir::lowbit {
#define GEN_PASS_DEF_DEFINEDIVISIONSPASS
#include "lowbit/Transforms/Passes.h.inc"

static bool isQuotient(Operation *op) {
  return isa<arith::DivSIOp, arith::DivUIOp, arith::FloorDivSIOp, arith::CeilDivSIOp, arith::CeilDivUIOp>(op);
}

static bool isDivision(Operation *op) { return isQuotient(op) || isa<arith::RemSIOp, arith::RemUIOp>(op); }

static bool isSigned(Operation *op) { return isa<arith::DivSIOp, arith::RemSIOp, arith::FloorDivSIOp, arith::CeilDivSIOp>(op); }

/// `divisor`, or what a linalg op reads as it.
static Value getSource(Value divisor) {
  auto argument = dyn_cast<BlockArgument>(divisor);
  auto op = argument ? dyn_cast<linalg::LinalgOp>(argument.getOwner()->getParentOp()) : nullptr;
  return op ? op.getMatchingOpOperand(argument)->get() : divisor;
}

namespace {
/// What a divisor may be.
struct Divisor {
  explicit Divisor(Value value) {
    Attribute constant;
    if (!matchPattern(getSource(value), m_Constant(&constant)))
      return;
    SmallVector<APInt> values;
    if (auto number = dyn_cast<IntegerAttr>(constant))
      values.push_back(number.getValue());
    else if (auto splat = dyn_cast<SplatElementsAttr>(constant); splat && splat.getElementType().isIntOrIndex())
      values.push_back(splat.getSplatValue<APInt>());
    else if (auto elements = dyn_cast<DenseIntElementsAttr>(constant))
      llvm::append_range(values, elements.getValues<APInt>());
    else
      return;
    mayBeZero = llvm::any_of(values, [](const APInt &number) { return number.isZero(); });
    mayBeMinusOne = llvm::any_of(values, [](const APInt &number) { return number.isAllOnes(); });
  }

  bool mayBeZero = true, mayBeMinusOne = true;
};
} // namespace

static Value createConstant(OpBuilder &builder, Location loc, Type type, const APInt &value) {
  TypedAttr attr = builder.getIntegerAttr(getElementTypeOrSelf(type), value);
  if (auto shaped = dyn_cast<ShapedType>(type))
    attr = DenseElementsAttr::get(shaped, attr);
  return arith::ConstantOp::create(builder, loc, attr);
}

/// Whether constants of `type` can be written.
static bool hasConstants(Type type) {
  auto shaped = dyn_cast<ShapedType>(type);
  return getElementTypeOrSelf(type).isIntOrIndex() && (!shaped || shaped.hasStaticShape());
}

static void define(Operation *op) {
  Value dividend = op->getOperand(0), divisor = op->getOperand(1);
  Type type = divisor.getType();
  Divisor possible(divisor);
  bool wraps = isSigned(op) && possible.mayBeMinusOne;
  if (!possible.mayBeZero && !wraps)
    return;
  OpBuilder builder(op);
  Location loc = op->getLoc();
  unsigned bits =
      getElementTypeOrSelf(type).isIndex() ? IndexType::kInternalStorageBitWidth : getElementTypeOrSelf(type).getIntOrFloatBitWidth();
  auto equals = [&](Value value, const APInt &number) -> Value {
    return arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::eq, value, createConstant(builder, loc, type, number));
  };
  Value isZero = possible.mayBeZero ? equals(divisor, APInt::getZero(bits)) : Value();
  Value isUndefined = isZero;
  if (wraps) {
    Value overflows =
        arith::AndIOp::create(builder, loc, equals(divisor, APInt::getAllOnes(bits)), equals(dividend, APInt::getSignedMinValue(bits)));
    isUndefined = isZero ? arith::OrIOp::create(builder, loc, isZero, overflows).getResult() : overflows;
  }
  Value one = createConstant(builder, loc, type, APInt(bits, 1));
  op->setOperand(1, arith::SelectOp::create(builder, loc, isUndefined, one, divisor));
  if (!isZero || !isQuotient(op)) // a remainder by 1 is 0
    return;
  builder.setInsertionPointAfter(op);
  Value zero = createConstant(builder, loc, type, APInt::getZero(bits));
  auto defined = arith::SelectOp::create(builder, loc, isZero, zero, op->getResult(0));
  op->getResult(0).replaceAllUsesExcept(defined, defined);
}

namespace {
struct DefineDivisionsPass final : impl::DefineDivisionsPassBase<DefineDivisionsPass> {
  void runOnOperation() override {
    // The body of a named op is what its name says.
    SmallVector<linalg::LinalgOp> named;
    getOperation()->walk([&](linalg::LinalgOp op) {
      if (!isa<linalg::GenericOp, linalg::MapOp, linalg::ReduceOp>(op) &&
          op->walk([](Operation *inner) { return isDivision(inner) ? WalkResult::interrupt() : WalkResult::advance(); }).wasInterrupted())
        named.push_back(op);
    });
    IRRewriter rewriter(&getContext());
    for (linalg::LinalgOp op : named) {
      rewriter.setInsertionPoint(op);
      if (failed(linalg::generalizeNamedOp(rewriter, op))) {
        op.emitOpError("divides integers, and has no generic form in which the results of all divisions could be defined");
        return signalPassFailure();
      }
    }
    SmallVector<Operation *> divisions;
    getOperation()->walk([&](Operation *op) {
      if (isDivision(op) && hasConstants(op->getOperand(1).getType()))
        divisions.push_back(op);
    });
    for (Operation *op : divisions)
      define(op);
  }
};
} // namespace
} // namespace mlir::lowbit
