//===- Contraction.cpp - sums of products of floats over codes ------------===//
//
// Invariant: loops, maps and the order of operands stay; only where elements come from changes. An accumulator that is not filled
// with zeros is added in the epilogue.
//
//===----------------------------------------------------------------------===//

#include "LinalgModels.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Matchers.h"

namespace mlir::lowbit {

bool isConstantTensor(Value value) {
  if (auto dequantize = value.getDefiningOp<DequantizeOp>()) {
    value = dequantize.getCodes();
    if (auto quantize = value.getDefiningOp<QuantizeOp>())
      value = quantize.getInput();
  }
  if (auto fake = value.getDefiningOp<FakeQuantOp>())
    value = fake.getInput();
  return matchPattern(value, m_Constant());
}

/// Whether `value` is filled with zero, by whatever op.
static bool isZeroFill(Value value) {
  auto fill = value.getDefiningOp<linalg::LinalgOp>();
  if (!fill || fill->getNumResults() != 1 || fill.getNumReductionLoops() != 0)
    return false;
  Value yielded = fill.getBlock()->getTerminator()->getOperand(0);
  if (auto argument = dyn_cast<BlockArgument>(yielded); argument && argument.getOwner() == fill.getBlock())
    yielded = fill.getMatchingOpOperand(argument)->get();
  return matchPattern(yielded, m_AnyZeroFloat());
}

/// Whether `op` multiplies two floats and adds the product to its result.
static bool isFloatContraction(linalg::LinalgOp op) {
  if (!op.hasPureTensorSemantics() || op.getNumDpsInputs() != 2 || op.getNumDpsInits() != 1 || op.getNumReductionLoops() == 0)
    return false;
  for (Value operand : op->getOperands()) {
    auto type = dyn_cast<RankedTensorType>(operand.getType());
    if (!type || !isa<FloatType>(type.getElementType()) || type.getElementTypeBitWidth() < 16)
      return false;
  }
  if (linalg::isaConvolutionOpInterface(op))
    return isa<arith::AddFOp>(op.getBlock()->getTerminator()->getOperand(0).getDefiningOp());
  return linalg::detail::isContractionBody(
      *op.getBlock(), [](Operation *first, Operation *second) { return isa<arith::MulFOp>(first) && isa<arith::AddFOp>(second); });
}

/// Axes of an operand that are a plain loop of the wanted iterator type.
static SmallVector<int64_t> getAxes(linalg::LinalgOp op, AffineMap map, utils::IteratorType wanted) {
  SmallVector<utils::IteratorType> iterators = op.getIteratorTypesArray();
  SmallVector<int64_t> axes;
  for (auto [axis, expr] : llvm::enumerate(map.getResults()))
    if (auto dim = dyn_cast<AffineDimExpr>(expr); dim && iterators[dim.getPosition()] == wanted)
      axes.push_back(axis);
  return axes;
}

SmallVector<QuantizableOperand> getContractionOperands(linalg::LinalgOp op, std::string &reason) {
  if (!isFloatContraction(op))
    return {};
  if (!op.getMatchingIndexingMap(op.getDpsInitOperand(0)).isProjectedPermutation()) {
    reason = "its result is not indexed by loops alone";
    return {};
  }
  OpOperand *lhs = op.getDpsInputOperand(0), *rhs = op.getDpsInputOperand(1);
  bool lhsIsConstant = isConstantTensor(lhs->get()), rhsIsConstant = isConstantTensor(rhs->get());
  if (lhsIsConstant && rhsIsConstant) {
    reason = "both of its operands are constant; fold it instead";
    return {};
  }
  SmallVector<QuantizableOperand> operands;
  for (auto [operand, isConstant, side] :
       {std::tuple(lhs, lhsIsConstant, StringRef("lhs")), std::tuple(rhs, rhsIsConstant, StringRef("rhs"))}) {
    AffineMap map = op.getMatchingIndexingMap(operand);
    bool bothVary = !lhsIsConstant && !rhsIsConstant;
    operands.push_back({operand, isConstant ? OperandRole::Weight : OperandRole::Activation,
                        bothVary ? side : StringRef(isConstant ? "weight" : "activation"), getAxes(op, map, utils::IteratorType::parallel),
                        getAxes(op, map, utils::IteratorType::reduction)});
  }
  return operands;
}

StringRef getContractionKind(linalg::LinalgOp op) {
  if (linalg::isaConvolutionOpInterface(op))
    return "conv";
  bool hasWeight = isConstantTensor(op->getOperand(0)) || isConstantTensor(op->getOperand(1));
  return hasWeight ? "linear" : "attention";
}

/// Gives `contract` an epilogue that adds the element of `accumulator`.
static void addAccumulator(ContractOp contract, Value accumulator, RewriterBase &rewriter) {
  OpBuilder::InsertionGuard guard(rewriter);
  Location loc = contract.getLoc();
  Type element = getElementTypeOrSelf(accumulator.getType());
  Block *body = rewriter.createBlock(&contract.getEpilogue(), {}, {rewriter.getF32Type(), element}, {loc, loc});
  Value sum = body->getArgument(0);
  if (element.getIntOrFloatBitWidth() > 32)
    sum = arith::ExtFOp::create(rewriter, loc, element, sum);
  else if (!element.isF32())
    sum = arith::TruncFOp::create(rewriter, loc, element, sum);
  YieldOp::create(rewriter, loc, arith::AddFOp::create(rewriter, loc, sum, body->getArgument(1)));
}

FailureOr<Value> buildQuantizedContraction(linalg::LinalgOp op, RewriterBase &rewriter, ArrayRef<DequantizeOp> dequantized) {
  if (dequantized.size() != 2)
    return failure();
  SmallVector<DequantizeOp, 2> operands(dequantized);
  Location loc = op.getLoc();
  Value init = op.getDpsInits()[0];
  auto type = cast<RankedTensorType>(init.getType());
  SmallVector<AffineMap> maps = op.getIndexingMapsArray();
  SmallVector<Value> added;
  if (!isZeroFill(init)) {
    added.push_back(init);
    maps.push_back(maps[2]);
  }
  auto getPart = [&](unsigned side, auto get) { return operands[side] ? get(operands[side]) : Value(); };
  auto getCodes = [&](unsigned side) { return operands[side] ? operands[side].getCodes() : op->getOperand(side); };
  auto getScales = [&](unsigned side) { return getPart(side, [](DequantizeOp d) -> Value { return d.getScales(); }); };
  auto getZeros = [&](unsigned side) { return getPart(side, [](DequantizeOp d) -> Value { return d.getZeros(); }); };
  auto getScheme = [&](unsigned side) { return operands[side] ? operands[side].getSchemeAttr() : SchemeAttr(); };

  SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(rewriter, loc, init);
  Value destination = tensor::EmptyOp::create(rewriter, loc, sizes, type.getElementType());
  auto contract = ContractOp::create(rewriter, loc, type, getCodes(0), getScales(0), getZeros(0), getCodes(1), getScales(1), getZeros(1),
                                     destination, added, rewriter.getAffineMapArrayAttr(maps), getScheme(0), getScheme(1));
  if (!added.empty())
    addAccumulator(contract, init, rewriter);
  return contract.getResult();
}

} // namespace mlir::lowbit
