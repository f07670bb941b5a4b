//===- SumOrder.cpp - in which order a kernel combines elements -----------===//

#include "lowbit/Transforms/SumOrder.h"
#include "mlir/Analysis/SliceAnalysis.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/IRMapping.h"
#include "llvm/Support/MathExtras.h"

namespace mlir::lowbit {

/// The numbers of a form, by name, in the order of the members.
static SmallVector<std::pair<StringRef, int64_t SumOrder::*>> getFields() {
  return {{"lanes", &SumOrder::lanes}, {"neighbours", &SumOrder::neighbours}, {"parts", &SumOrder::parts}, {"matrix", &SumOrder::matrix},
          {"part", &SumOrder::part},   {"exponent", &SumOrder::exponent}};
}

DictionaryAttr SumOrder::toAttr(MLIRContext *context) const {
  Builder b(context);
  SmallVector<NamedAttribute> entries;
  for (auto [name, field] : getFields())
    if (this->*field != 0)
      entries.push_back(b.getNamedAttr(name, b.getI64IntegerAttr(this->*field)));
  return b.getDictionaryAttr(entries);
}

FailureOr<SumOrder> getSumOrder(Operation *op) {
  SumOrder order;
  Attribute attr = op->getAttr(sumOrderAttrName);
  if (!attr)
    return order;
  auto dictionary = dyn_cast<DictionaryAttr>(attr);
  if (dictionary)
    for (auto [name, field] : getFields())
      if (auto number = dictionary.getAs<IntegerAttr>(name))
        order.*field = number.getInt();
  bool isOfProduct = order.part != 0 || order.exponent != 0;
  bool hasLanes =
      !isOfProduct && order.lanes > 0 && llvm::isPowerOf2_64(order.lanes) && order.neighbours > 0 && order.parts == 0 && order.matrix == 0;
  bool hasParts = !isOfProduct && order.parts > 0 && order.lanes == 0 && order.neighbours == 0 && order.matrix == 0;
  bool hasMatrix = order.matrix > 0 && order.lanes == 0 && order.neighbours >= 0 && order.parts >= 0 && order.part >= 0 &&
                   (order.parts == 0 || order.part != 0);
  if (!(hasLanes || hasParts || hasMatrix) || order.toAttr(op->getContext()) != dictionary)
    return op->emitOpError() << "has `" << sumOrderAttrName << "` " << attr
                             << "; expected `lanes`, a power of two, and `neighbours`, or `parts`, or `matrix`, positive",
           failure();
  return order;
}

void setSumOrder(Operation *op, const SumOrder &order) {
  if (!order.isPlain())
    op->setAttr(sumOrderAttrName, order.toAttr(op->getContext()));
}

LogicalResult verifySumOrder(Operation *op, const SumOrder &taken) {
  FailureOr<SumOrder> said = getSumOrder(op);
  if (failed(said))
    return failure();
  if (said->isPlain() || *said == taken)
    return success();
  return op->emitOpError() << "would be combined in the order " << taken.toAttr(op->getContext()) << "; expected that of its `"
                           << sumOrderAttrName << "`, " << said->toAttr(op->getContext());
}

bool isOrderFree(Operation *combiner) {
  auto has = [&](arith::FastMathFlags flag) {
    auto flags = cast<arith::ArithFastMathInterface>(combiner).getFastMathFlagsAttr();
    return flags && bitEnumContainsAll(flags.getValue(), flag);
  };
  if (isa<arith::AddFOp, math::FmaOp>(combiner))
    return has(arith::FastMathFlags::reassoc);
  // Of two zeros these may give either, and of a NaN and a number the number.
  if (isa<arith::MaxNumFOp, arith::MinNumFOp>(combiner))
    return has(arith::FastMathFlags::nsz);
  return isa<arith::AddIOp, arith::MaxSIOp, arith::MinSIOp, arith::MaxUIOp, arith::MinUIOp, arith::AndIOp, arith::OrIOp, arith::XOrIOp,
             arith::MaximumFOp, arith::MinimumFOp>(combiner);
}

Operation *findCombiner(linalg::LinalgOp op, unsigned result) {
  BlockArgument before = op.getRegionOutputArgs()[result];
  auto fma = op.getBlock()->getTerminator()->getOperand(result).getDefiningOp<math::FmaOp>();
  if (fma)
    return fma.getC() == before && before.hasOneUse() && fma->hasOneUse() && isOrderFree(fma) ? fma : nullptr;
  SmallVector<Operation *> chain;
  // The result is one op of what was there and of a value in which it plays no part.
  bool isOne = matchReduction(op.getRegionOutputArgs(), result, chain) && chain.size() == 1;
  return isOne && isOrderFree(chain[0]) ? chain[0] : nullptr;
}

TypedAttr getNeutral(Operation *combiner) {
  if (auto fma = dyn_cast<math::FmaOp>(combiner))
    return Builder(fma.getContext()).getFloatAttr(fma.getType(), -0.0);
  std::optional<TypedAttr> neutral = arith::getNeutralElement(combiner);
  return neutral ? *neutral : TypedAttr();
}

Value buildCombined(OpBuilder &b, Operation *combiner, Value accumulator, Value before, Value after) {
  if (isa<math::FmaOp>(combiner))
    return arith::AddFOp::create(b, combiner->getLoc(), before, after);
  IRMapping mapping;
  bool isFirst = combiner->getOperand(0) == accumulator;
  mapping.map(combiner->getOperand(0), isFirst ? before : after);
  mapping.map(combiner->getOperand(1), isFirst ? after : before);
  return b.clone(*combiner, mapping)->getResult(0);
}

} // namespace mlir::lowbit
