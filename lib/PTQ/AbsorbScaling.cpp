//===- AbsorbScaling.cpp - producers that take factors --------------------===//

#include "AbsorbScaling.h"
#include "lowbit/Transforms/Constants.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Matchers.h"

namespace mlir::lowbit {

/// Whether all elements are known to be zero.
static bool isZero(Value value) {
  if (matchPattern(value, m_AnyZeroFloat()))
    return true;
  auto fill = value.getDefiningOp<linalg::FillOp>();
  return fill && matchPattern(fill.value(), m_AnyZeroFloat());
}

/// Whether one op reads the elements of `value`.
static bool hasOneReader(Value value) {
  return llvm::count_if(value.getUsers(), [](Operation *user) { return !isa<tensor::DimOp>(user); }) == 1;
}

/// The axis of an operand that loop `loop` runs over, or -1.
static int64_t findAxis(AffineMap map, int64_t loop) {
  for (auto [axis, expr] : llvm::enumerate(map.getResults()))
    if (auto dim = dyn_cast<AffineDimExpr>(expr); dim && dim.getPosition() == loop)
      return axis;
  return -1;
}

/// `x` where `op` is `x > 0 ? x : 0`.
static Value getRectified(arith::SelectOp op) {
  auto compare = op.getCondition().getDefiningOp<arith::CmpFOp>();
  if (!compare || !isZero(op.getFalseValue()) || !isZero(compare.getRhs()) || compare.getLhs() != op.getTrueValue())
    return {};
  using arith::CmpFPredicate;
  bool isAbove =
      llvm::is_contained({CmpFPredicate::OGT, CmpFPredicate::UGT, CmpFPredicate::OGE, CmpFPredicate::UGE}, compare.getPredicate());
  return isAbove && llvm::range_size(op.getTrueValue().getUses()) == 2 ? op.getTrueValue() : Value();
}

bool AbsorptionPlan::add(Value value, int64_t axis) {
  Operation *op = value.getDefiningOp();
  if (!op)
    return false;
  for (WeightSite *site : sites)
    if (site->getOp() == op)
      return addLinear(*site, axis);
  if (auto elementwise = dyn_cast<linalg::LinalgOp>(op))
    return addElementwise(elementwise, axis);
  // Zeros around an image stay zeros.
  if (auto pad = dyn_cast<tensor::PadOp>(op)) {
    Value border = pad.getConstantPaddingValue();
    return border && isZero(border) && pad.getStaticLow()[axis] == 0 && pad.getStaticHigh()[axis] == 0 &&
           addOperand(pad.getSourceMutable(), axis);
  }
  // An axis that keeps its size only changes its place.
  if (auto collapse = dyn_cast<tensor::CollapseShapeOp>(op)) {
    ReassociationIndices from = collapse.getReassociationIndices()[axis];
    return from.size() == 1 && addOperand(collapse.getSrcMutable(), from.front());
  }
  if (auto expand = dyn_cast<tensor::ExpandShapeOp>(op))
    for (auto [from, to] : llvm::enumerate(expand.getReassociationIndices()))
      if (to == ReassociationIndices{axis})
        return addOperand(expand.getSrcMutable(), from);
  return false;
}

bool AbsorptionPlan::addElementwise(linalg::LinalgOp op, int64_t axis) {
  if (!op.hasPureTensorSemantics() || op->getNumResults() != 1 || op.getNumParallelLoops() != op.getNumLoops() ||
      !op.getMatchingIndexingMap(op.getDpsInitOperand(0)).isIdentity())
    return false;
  return addInner(op, op.getBlock()->getTerminator()->getOperand(0), axis);
}

/// The same for a scalar `inner` of the body of `op`, whose loop `axis` runs over the channels. What is read twice would take factors
/// twice.
bool AbsorptionPlan::addInner(linalg::LinalgOp op, Value inner, int64_t axis) {
  if (isZero(inner))
    return true;
  if (auto argument = dyn_cast<BlockArgument>(inner)) {
    if (argument.getOwner() != op.getBlock())
      return false;
    OpOperand *operand = op.getMatchingOpOperand(argument);
    int64_t operandAxis = findAxis(op.getMatchingIndexingMap(operand), axis);
    return isZero(operand->get()) || (op.isDpsInput(operand) && operandAxis >= 0 && addOperand(*operand, operandAxis));
  }
  Operation *producer = inner.getDefiningOp();
  if (!producer || producer->getBlock() != op.getBlock())
    return false;
  if (auto select = dyn_cast<arith::SelectOp>(producer)) {
    Value rectified = getRectified(select);
    return rectified && addInner(op, rectified, axis);
  }
  if (!llvm::all_of(producer->getOperands(), [](Value operand) { return matchPattern(operand, m_Constant()) || operand.hasOneUse(); }))
    return false;
  if (isa<arith::AddFOp, arith::SubFOp, arith::MaximumFOp, arith::MaxNumFOp, arith::MinimumFOp, arith::MinNumFOp>(producer))
    return addInner(op, producer->getOperand(0), axis) && addInner(op, producer->getOperand(1), axis);
  if (isa<arith::DivFOp, arith::NegFOp>(producer))
    return addInner(op, producer->getOperand(0), axis);
  if (!isa<arith::MulFOp>(producer))
    return false;
  auto isConstant = [&](Value operand) {
    auto argument = dyn_cast<BlockArgument>(operand);
    return argument && argument.getOwner() == op.getBlock() && matchPattern(op.getMatchingOpOperand(argument)->get(), m_Constant());
  };
  // A constant first: whatever lies behind the other factor then stays.
  unsigned first = isConstant(producer->getOperand(1)) ? 1 : 0;
  for (unsigned side : {first, 1 - first}) {
    AbsorptionPlan trial = *this;
    if (!trial.addInner(op, producer->getOperand(side), axis))
      continue;
    *this = std::move(trial);
    return true;
  }
  return false;
}

bool AbsorptionPlan::addOperand(OpOperand &operand, int64_t axis) {
  Value value = operand.get();
  if (isZero(value))
    return true;
  return getConstantElements(value) ? addConstant(operand, axis) : hasOneReader(value) && add(value, axis);
}

bool AbsorptionPlan::addConstant(OpOperand &operand, int64_t axis) {
  if (!getElementTypeOrSelf(operand.get()).isF32())
    return false;
  constants.push_back({&operand, axis});
  return true;
}

bool AbsorptionPlan::addLinear(WeightSite &site, int64_t axis) {
  auto op = dyn_cast<linalg::LinalgOp>(site.getOp());
  if (!op || linear || site.hasCodes())
    return false;
  AffineMap outputs = op.getMatchingIndexingMap(op.getDpsInitOperand(0));
  auto loop = dyn_cast<AffineDimExpr>(outputs.getResult(axis));
  // The outputs of the weight are those of this axis, each once.
  for (OpOperand *operand : op.getDpsInputOperands()) {
    if (operand == site.getActivation())
      continue;
    auto type = cast<RankedTensorType>(operand->get().getType());
    int64_t weightAxis = loop ? findAxis(op.getMatchingIndexingMap(operand), loop.getPosition()) : -1;
    if (weightAxis < 0 || type.getDimSize(weightAxis) != site.getNumOutputs())
      return false;
  }
  linear = &site;
  return addOperand(*op.getDpsInitOperand(0), axis);
}

LogicalResult AbsorptionPlan::apply(ArrayRef<float> factors) {
  for (auto [operand, axis] : constants) {
    Operation *op = operand->getOwner();
    ElementsAttr elements = getConstantElements(operand->get());
    FailureOr<std::vector<float>> reals = readReals(op, elements);
    if (failed(reals))
      return failure();
    auto type = cast<RankedTensorType>(operand->get().getType());
    int64_t inner = ShapedType::getNumElements(type.getShape().drop_front(axis + 1));
    for (auto [index, real] : llvm::enumerate(*reals))
      real *= factors[static_cast<int64_t>(index) / inner % type.getDimSize(axis)];
    ArrayRef<char> bytes(reinterpret_cast<const char *>(reals->data()), reals->size() * sizeof(float));
    OpBuilder builder(op);
    std::string key = (getResourceKey(elements, "constant") + ".scaled").str();
    operand->set(arith::ConstantOp::create(builder, operand->get().getLoc(), type, cast<TypedAttr>(buildElements(type, bytes, key))));
  }
  if (!linear)
    return success();
  FailureOr<std::vector<float>> weight = linear->readWeight();
  if (failed(weight))
    return failure();
  int64_t columns = linear->getNumOutputs();
  for (int64_t k = 0; k < linear->getNumInputs(); ++k)
    for (int64_t n = 0; n < columns; ++n)
      (*weight)[k * columns + n] *= factors[n];
  linear->setWeight(*weight);
  return success();
}

} // namespace mlir::lowbit
