//===- ChannelProducer.cpp - the weight that makes an activation's channels -===//
//
// Goes from a value to what it is computed from, and keeps account of which dimensions the channels are on the way.
//
//===----------------------------------------------------------------------===//

#include "ChannelProducer.h"
#include "lowbit/Transforms/Constants.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Matchers.h"
#include <numeric>

namespace mlir::lowbit {

namespace {
class Walk {
public:
  Walk(Value value, ArrayRef<FloatLinear> linears) : linears(linears), value(value) {
    auto type = cast<RankedTensorType>(value.getType());
    dims = {type.getRank() - 1};
    run = type.getShape().back();
  }

  std::optional<ChannelProducer> find() {
    while (true) {
      Operation *op = value.getDefiningOp();
      if (!op)
        return std::nullopt;
      if (std::optional<ChannelProducer> found = finish(op))
        return found;
      if (failed(step(op)) || dims.empty() || !value.hasOneUse())
        return std::nullopt;
    }
  }

private:
  /// The producer, if `op` is one.
  std::optional<ChannelProducer> finish(Operation *op) {
    const FloatLinear *linear = llvm::find_if(linears, [&](const FloatLinear &each) { return each.getOp().getOperation() == op; });
    auto contraction = dyn_cast<linalg::LinalgOp>(op);
    if (linear == linears.end() || !contraction || !startsFromZero(contraction) || dims.size() != 1)
      return std::nullopt;
    std::optional<int64_t> axis = findAxis(contraction, *linear->getWeightOperand(), getLoop(contraction, dims.front()));
    for (OpOperand *other : contraction.getDpsInputOperands())
      if (other != linear->getWeightOperand() && findAxis(contraction, *other, getLoop(contraction, dims.front())))
        return std::nullopt;
    if (!axis)
      return std::nullopt;
    return ChannelProducer{*linear, *axis, biases, run};
  }

  LogicalResult step(Operation *op) {
    return llvm::TypeSwitch<Operation *, LogicalResult>(op)
        .Case<tensor::CollapseShapeOp, tensor::ExpandShapeOp, linalg::TransposeOp>([&](auto moved) { return move(moved); })
        .Case<linalg::LinalgOp>(
            [&](linalg::LinalgOp linalgOp) { return linalgOp.getNumReductionLoops() == 0 ? add(linalgOp) : contract(linalgOp); })
        .Default([](Operation *) { return failure(); });
  }

  LogicalResult move(tensor::CollapseShapeOp op) {
    SmallVector<int64_t> before;
    SmallVector<ReassociationIndices> groups = op.getReassociationIndices();
    for (int64_t dim : dims)
      for (int64_t source : groups[dim])
        if (op.getSrcType().getDimSize(source) != 1)
          before.push_back(source);
    return follow(op.getSrc(), before);
  }

  /// Dimensions that came of one must still stand together, in their order.
  LogicalResult move(tensor::ExpandShapeOp op) {
    SmallVector<int64_t> before;
    size_t next = 0;
    while (next < dims.size()) {
      auto groups = op.getReassociationIndices();
      auto *group = llvm::find_if(groups, [&](const ReassociationIndices &each) { return llvm::is_contained(each, dims[next]); });
      for (int64_t dim : *group) {
        if (op.getResultType().getDimSize(dim) == 1)
          continue;
        if (next == dims.size() || dims[next++] != dim)
          return failure();
      }
      before.push_back(group - groups.begin());
    }
    return follow(op.getSrc(), before);
  }

  LogicalResult move(linalg::TransposeOp op) {
    return follow(op.getInput(), llvm::map_to_vector(dims, [&](int64_t dim) { return op.getPermutation()[dim]; }));
  }

  /// A sum with a constant of the channels.
  LogicalResult add(linalg::LinalgOp op) {
    if (op.getNumDpsInputs() != 2 || op->getNumResults() != 1 || !op.getIndexingMapsArray().back().isIdentity())
      return failure();
    auto yield = op.getBlock()->getTerminator();
    auto sum = yield->getOperand(0).getDefiningOp<arith::AddFOp>();
    if (!sum || op.getBlock()->getOperations().size() != 2 || sum.getLhs() == sum.getRhs() ||
        !llvm::all_of(sum->getOperands(), [&](Value side) { return llvm::is_contained(op.getRegionInputArgs(), side); }))
      return failure();
    bool constantFirst = static_cast<bool>(getConstantElements(op.getDpsInputs()[0]));
    OpOperand *constant = op.getDpsInputOperand(constantFirst ? 0 : 1), *other = op.getDpsInputOperand(constantFirst ? 1 : 0);
    if (!getConstantElements(constant->get()) || !getElementTypeOrSelf(constant->get()).isF32() || dims.size() != 1 ||
        !op.getMatchingIndexingMap(other).isIdentity())
      return failure();
    AffineMap map = op.getMatchingIndexingMap(constant);
    if (map.getNumResults() != 1 || map.getResult(0) != getAffineDimExpr(dims.front(), op.getContext()))
      return failure();
    biases.push_back(constant);
    return follow(other->get(), dims);
  }

  /// A product with another activation that does not know the innermost dimension of channels: each of the sums is linear in them.
  LogicalResult contract(linalg::LinalgOp op) {
    if (!linalg::isaContractionOpInterface(op) || op.getNumDpsInputs() != 2 || !startsFromZero(op))
      return failure();
    unsigned innermost = getLoop(op, dims.back());
    for (OpOperand *side : op.getDpsInputOperands()) {
      OpOperand *other = op.getDpsInputOperand(1 - side->getOperandNumber());
      if (!findAxis(op, *side, innermost) || findAxis(op, *other, innermost))
        continue;
      SmallVector<int64_t> before;
      for (int64_t dim : dims) {
        std::optional<int64_t> axis = findAxis(op, *side, getLoop(op, dim));
        if (!axis)
          return failure();
        before.push_back(*axis);
      }
      run = std::gcd(run, cast<RankedTensorType>(op->getResult(0).getType()).getDimSize(dims.back()));
      return follow(side->get(), before);
    }
    return failure();
  }

  LogicalResult follow(Value source, SmallVector<int64_t> before) {
    value = source;
    dims = std::move(before);
    return success();
  }

  static bool startsFromZero(linalg::LinalgOp op) {
    auto fill = op.getDpsInits()[0].getDefiningOp<linalg::FillOp>();
    return fill && matchPattern(fill.getInputs()[0], m_AnyZeroFloat());
  }

  /// The loop that a dimension of the result is; no loop when it is none.
  static unsigned getLoop(linalg::LinalgOp op, int64_t dim) {
    auto expr = dyn_cast<AffineDimExpr>(op.getMatchingIndexingMap(op.getDpsInitOperand(0)).getResult(dim));
    return expr ? expr.getPosition() : op.getNumLoops();
  }

  static std::optional<int64_t> findAxis(linalg::LinalgOp op, OpOperand &operand, unsigned loop) {
    for (auto [axis, expr] : llvm::enumerate(op.getMatchingIndexingMap(&operand).getResults()))
      if (loop < op.getNumLoops() && expr == getAffineDimExpr(loop, op.getContext()))
        return axis;
    return std::nullopt;
  }

  ArrayRef<FloatLinear> linears;
  Value value;
  /// Dimensions of `value`, of which the channels are the row-major index.
  SmallVector<int64_t> dims;
  SmallVector<OpOperand *> biases;
  int64_t run;
};
} // namespace

/// Whether `value`, or what it is rounded to, goes nowhere but to `readers`, once each.
static bool isReadOnlyBy(Value value, ArrayRef<FloatLinear> readers) {
  return llvm::all_of(value.getUses(), [&](OpOperand &use) {
    Operation *user = use.getOwner();
    if (isa<QuantizeOp, ComputeScalesOp, DequantizeOp>(user))
      return llvm::all_of(user->getResults(), [&](Value result) { return isReadOnlyBy(result, readers); });
    return llvm::count(user->getOperands(), value) == 1 &&
           llvm::any_of(readers, [&](const FloatLinear &reader) { return reader.getOp().getOperation() == user; });
  });
}

std::optional<ChannelProducer> findChannelProducer(Value value, ArrayRef<FloatLinear> readers, ArrayRef<FloatLinear> linears) {
  return isReadOnlyBy(value, readers) ? Walk(value, linears).find() : std::nullopt;
}

} // namespace mlir::lowbit
