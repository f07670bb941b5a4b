//===- ExpandOrders.cpp - reductions as loops in the order that they say ---===//
// Law: elements are combined as `lowbit.order` says (lowbit/Transforms/SumOrder.h), one operation after the other; what says none is left
// to its own loops. No flag is left that would let the next compiler choose.

#include "MatrixStep.h"
#include "lowbit/Conversion/Passes.h"
#include "lowbit/Transforms/SumOrder.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "mlir/Interfaces/FunctionInterfaces.h"

namespace mlir::lowbit {
#define GEN_PASS_DEF_EXPANDORDERSPASS
#include "lowbit/Conversion/Passes.h.inc"

namespace {
/// Writes the loops of one op before it.
class Expander {
public:
  Expander(linalg::LinalgOp op, const SumOrder &order)
      : op(op), order(order), b(op.getLoc(), op), sizes(op.getStaticLoopRanges()), indices(sizes.size()) {}

  LogicalResult expand() {
    auto function = op->getParentOfType<FunctionOpInterface>();
    if (!function || !op.hasPureBufferSemantics() || llvm::any_of(sizes, ShapedType::isDynamic))
      return op.emitOpError("has an order; expected buffers, and loops of known sizes, in a function");
    for (auto [loop, iterator] : llvm::enumerate(op.getIteratorTypesArray()))
      if (iterator != utils::IteratorType::parallel && sizes[loop] != 1)
        reductions.push_back(loop);
      else
        outer.push_back(loop);
    if (reductions.empty() || order.part != 0 || order.exponent != 0 || (order.matrix != 0 && (order.neighbours != 0 || order.parts != 0)))
      return op.emitOpError() << (reductions.empty() ? "has no reduction longer than one; expected one, which its order is of"
                                                     : "has the order of a product; expected that of one sum");
    if (order.matrix != 0) {
      if (failed(findFactors()))
        return failure();
    } else if (failed(findCombiners(function))) {
      return failure();
    }
    nest(outer, [&] { order.matrix != 0 ? emitMatrix() : order.parts != 0 ? emitParts() : emitLanes(); });
    op.erase();
    return success();
  }

private:
  LogicalResult findCombiners(FunctionOpInterface function) {
    for (unsigned i = 0; i < static_cast<unsigned>(op.getNumDpsInits()); ++i) {
      Operation *combiner = findCombiner(op, i);
      if (!combiner || !getNeutral(combiner))
        return op.emitOpError() << "has an order; expected one operation, whose order is free, to join elements to result " << i;
      combiners.push_back(combiner);
      OpBuilder atEntry = OpBuilder::atBlockBegin(&function.getFunctionBody().front());
      auto type = MemRefType::get({order.lanes + order.parts}, combiner->getResult(0).getType());
      partial.push_back(memref::AllocaOp::create(atEntry, op.getLoc(), type));
    }
    return success();
  }

  int64_t getReductionSize() const {
    int64_t size = 1;
    for (unsigned reduction : reductions)
      size *= sizes[reduction];
    return size;
  }

  /// The sum of a matrix unit is `out + left * right`, of smaller floats as f32.
  LogicalResult findFactors() {
    auto refuse = [&] {
      return op.emitOpError("is a sum on a matrix unit; expected products of two inputs, f16, bf16 or floats of 8 bits, added in f32, a "
                            "multiple of what it adds "
                            "at a time");
    };
    if (op.getNumDpsInputs() != 2 || op.getNumDpsInits() != 1 || getReductionSize() % order.matrix != 0)
      return refuse();
    BlockArgument out = op.getRegionOutputArgs()[0];
    auto sum = op.getBlock()->getTerminator()->getOperand(0).getDefiningOp<arith::AddFOp>();
    Value other = !sum ? Value() : sum.getLhs() == out ? sum.getRhs() : sum.getRhs() == out ? sum.getLhs() : Value();
    auto product = other ? other.getDefiningOp<arith::MulFOp>() : arith::MulFOp();
    auto left = product ? product.getLhs().getDefiningOp<arith::ExtFOp>() : arith::ExtFOp();
    auto right = product ? product.getRhs().getDefiningOp<arith::ExtFOp>() : arith::ExtFOp();
    bool areInputs =
        left && right && isa<BlockArgument>(left.getIn()) && isa<BlockArgument>(right.getIn()) && left.getIn() != right.getIn();
    if (!areInputs || !sum.getType().isF32())
      return refuse();
    auto is8 = [](Type type) { return isa<Float8E4M3FNType, Float8E5M2Type>(type); };
    Type first = left.getIn().getType(), second = right.getIn().getType();
    if (!(is8(first) && is8(second)) && (first != second || !(first.isF16() || first.isBF16())))
      return refuse();
    return success();
  }

  Value at(int64_t index) { return arith::ConstantIndexOp::create(b, index); }

  /// Loops over `loops`, whose indices the body finds in `indices`.
  void nest(ArrayRef<unsigned> loops, function_ref<void()> body) {
    if (loops.empty())
      return body();
    loop(at(0), sizes[loops[0]], 1, [&](Value index) {
      indices[loops[0]] = index;
      nest(loops.drop_front(), body);
    });
  }

  void loop(Value first, int64_t end, int64_t step, function_ref<void(Value)> body) {
    auto made = scf::ForOp::create(b, first, at(end), at(step));
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPoint(made.getBody()->getTerminator());
    body(made.getInductionVar());
  }

  SmallVector<Value> getPlace(OpOperand &operand) {
    AffineMap map = op.getMatchingIndexingMap(&operand);
    return llvm::map_to_vector(llvm::seq(map.getNumResults()),
                               [&](unsigned i) -> Value { return affine::AffineApplyOp::create(b, map.getSubMap({i}), indices); });
  }

  Value load(OpOperand &operand) {
    if (!isa<MemRefType>(operand.get().getType()))
      return operand.get();
    return memref::LoadOp::create(b, operand.get(), getPlace(operand));
  }

  /// What the region makes of the elements at `indices` and of `before`, one value a result.
  SmallVector<Value> evaluate(ArrayRef<Value> before) {
    IRMapping mapping;
    for (OpOperand *input : op.getDpsInputOperands())
      if (op.payloadUsesValueFromOperand(input))
        mapping.map(op.getMatchingBlockArgument(input), load(*input));
    mapping.map(op.getRegionOutputArgs(), before);
    for (Operation &nested : op.getBlock()->without_terminator()) {
      if (auto index = dyn_cast<linalg::IndexOp>(nested))
        mapping.map(index.getResult(), indices[index.getDim()]);
      else
        b.clone(nested, mapping);
    }
    return llvm::map_to_vector(op.getBlock()->getTerminator()->getOperands(), [&](Value value) { return mapping.lookupOrDefault(value); });
  }

  /// Elements at `indices` join lane or part number `owner`.
  void accumulate(Value owner) {
    SmallVector<Value> before =
        llvm::map_to_vector(partial, [&](Value values) -> Value { return memref::LoadOp::create(b, values, owner); });
    for (auto [values, after] : llvm::zip_equal(partial, evaluate(before)))
      memref::StoreOp::create(b, after, values, owner);
  }

  void startAtNeutral(Value owner) {
    for (auto [values, combiner] : llvm::zip_equal(partial, combiners))
      memref::StoreOp::create(b, arith::ConstantOp::create(b, getNeutral(combiner)), values, owner);
  }

  Value combine(size_t result, Value before, Value after) {
    return buildCombined(b, combiners[result], op.getRegionOutputArgs()[result], before, after);
  }

  /// Element `place` of all reductions, counted as one.
  void enter(Value place) {
    for (unsigned reduction : llvm::reverse(ArrayRef(reductions).drop_front())) {
      indices[reduction] = arith::RemUIOp::create(b, place, at(sizes[reduction]));
      place = arith::DivUIOp::create(b, place, at(sizes[reduction]));
    }
    indices[reductions[0]] = place;
  }

  void emitLanes() {
    int64_t size = getReductionSize(), stride = order.lanes * order.neighbours;
    loop(at(0), order.lanes, 1, [&](Value lane) {
      startAtNeutral(lane);
      Value begin = arith::MulIOp::create(b, lane, at(order.neighbours));
      loop(begin, size, stride, [&](Value start) {
        loop(at(0), order.neighbours, 1, [&](Value neighbour) {
          Value column = arith::AddIOp::create(b, start, neighbour);
          Value isInside = arith::CmpIOp::create(b, arith::CmpIPredicate::slt, column, at(size));
          auto inside = scf::IfOp::create(b, isInside, /*withElseRegion=*/false);
          OpBuilder::InsertionGuard guard(b);
          b.setInsertionPoint(inside.thenBlock()->getTerminator());
          enter(column);
          accumulate(lane);
        });
      });
    });
    for (int64_t distance = order.lanes / 2; distance > 0; distance /= 2)
      loop(at(0), distance, 1, [&](Value lane) {
        Value other = arith::AddIOp::create(b, lane, at(distance));
        for (auto [i, values] : llvm::enumerate(partial)) {
          Value own = memref::LoadOp::create(b, values, lane), its = memref::LoadOp::create(b, values, other);
          memref::StoreOp::create(b, combine(i, own, its), values, lane);
        }
      });
    finish(1);
  }

  void emitParts() {
    unsigned reduction = reductions[0];
    loop(at(0), order.parts, 1, [&](Value part) {
      startAtNeutral(part);
      loop(part, sizes[reduction], order.parts, [&](Value index) {
        indices[reduction] = index;
        nest(ArrayRef(reductions).drop_front(), [&] { accumulate(part); });
      });
    });
    finish(order.parts);
  }

  /// What was there before, and then the first `count` lanes or parts.
  void finish(int64_t count) {
    for (unsigned reduction : reductions)
      indices[reduction] = at(0);
    for (auto [i, init] : llvm::enumerate(op.getDpsInitsMutable())) {
      Value total = load(init);
      for (int64_t number = 0; number < count; ++number)
        total = combine(i, total, memref::LoadOp::create(b, partial[i], at(number)));
      memref::StoreOp::create(b, total, init.get(), getPlace(init));
    }
  }

  void emitMatrix() {
    OpOperand &init = op.getDpsInitsMutable()[0];
    loop(at(0), getReductionSize(), order.matrix, [&](Value start) {
      enter(start);
      Value sum = buildMatrixStep(b, op.getLoc(), load(init), order.matrix, [&](OpBuilder &nested, Value index) -> std::pair<Value, Value> {
        OpBuilder::InsertionGuard guard(b);
        b.setInsertionPoint(nested.getInsertionBlock(), nested.getInsertionPoint());
        enter(arith::AddIOp::create(b, start, index));
        Value left = load(*op.getDpsInputOperand(0)), right = load(*op.getDpsInputOperand(1));
        nested.setInsertionPoint(b.getInsertionBlock(), b.getInsertionPoint());
        return {left, right};
      });
      enter(start);
      memref::StoreOp::create(b, sum, init.get(), getPlace(init));
    });
  }

  linalg::LinalgOp op;
  const SumOrder &order;
  ImplicitLocOpBuilder b;
  SmallVector<int64_t> sizes;
  SmallVector<Value> indices; ///< Of each loop.
  SmallVector<unsigned> outer, reductions;
  SmallVector<Operation *> combiners; ///< Of each result.
  SmallVector<Value> partial;         ///< Of each result, what lanes or parts have.
};

struct ExpandOrdersPass final : impl::ExpandOrdersPassBase<ExpandOrdersPass> {
  void runOnOperation() override {
    SmallVector<linalg::LinalgOp> ops;
    getOperation()->walk([&](linalg::LinalgOp op) { ops.push_back(op); });
    for (linalg::LinalgOp op : ops) {
      FailureOr<SumOrder> order = getSumOrder(op);
      if (failed(order) || (!order->isPlain() && failed(Expander(op, *order).expand())))
        return signalPassFailure();
    }
    getOperation()->walk([](arith::ArithFastMathInterface op) {
      if (op.getFastMathFlagsAttr())
        op->setAttr(op.getFastMathAttrName(), arith::FastMathFlagsAttr::get(op->getContext(), arith::FastMathFlags::none));
    });
  }
};
} // namespace
} // namespace mlir::lowbit
