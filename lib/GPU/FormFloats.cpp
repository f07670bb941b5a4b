//===- FormFloats.cpp - products of f32 -----------------------------------===//
// Law: each element is the sum of the same products as before. Their order, and that a product is not rounded before it is added, are what
// the model leaves to the target.

#include "FormFloats.h"
#include "ProductParts.h"
#include "lowbit/Transforms/Sites.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"

namespace mlir::lowbit {

/// With fewer elements, or a reduction that is much longer than a side, few blocks would wait for one another's bytes: a warp for each
/// element shares the reduction.
static constexpr int64_t leastSize = 16, leastLongSide = 64, mostDepth = 64;

/// Whether a kernel by tiles pays.
static bool isLarge(const ContractAxes &axes) {
  int64_t rows = axes.getRows(), columns = axes.getColumns(), longSide = std::max(rows, columns);
  return std::min(rows, columns) >= leastSize || (longSide >= leastLongSide && axes.getDepth() <= mostDepth * longSide);
}

std::string getFloatObstacle(ContractOp op, const ContractAxes &axes) {
  for (Value side : {op.getLhs(), op.getRhs()})
    if (!getElementTypeOrSelf(side.getType()).isF32())
      return "a side is neither of codes nor of f32";
  if (!isLarge(axes))
    return "it has " + std::to_string(axes.getRows()) + " rows and " + std::to_string(axes.getColumns()) + " columns of " +
           std::to_string(axes.getDepth()) + " products; a kernel pays from " + std::to_string(leastSize) + " of each on, or " +
           std::to_string(leastLongSide) + " of one whose " + std::to_string(mostDepth) + "-fold the reduction does not exceed";
  Type element = getElementTypeOrSelf(op.getResult().getType());
  if (!element.isIntOrFloat() || element.getIntOrFloatBitWidth() < 8)
    return "elements of the result take less than a byte";
  return "";
}

void formFloatContracts(RewriterBase &rewriter, Operation *root) {
  SmallVector<QuantizableOpInterface> ops;
  root->walk([&](QuantizableOpInterface op) { ops.push_back(op); });
  for (QuantizableOpInterface op : ops) {
    std::string reason;
    auto product = dyn_cast<linalg::LinalgOp>(op.getOperation());
    bool isOfFloats = product && product.getNumReductionLoops() != 0 &&
                      llvm::all_of(op->getOperands(), [](Value operand) { return getElementTypeOrSelf(operand.getType()).isF32(); });
    if (!isOfFloats || op->hasAttr(kExactAttr) || op->getNumResults() != 1 || op.getQuantizableOperands(reason).size() != 2)
      continue;
    rewriter.setInsertionPoint(op);
    FailureOr<Value> built = op.buildQuantized(rewriter, {DequantizeOp(), DequantizeOp()});
    auto contract = succeeded(built) && *built ? built->getDefiningOp<ContractOp>() : ContractOp();
    if (!contract)
      continue;
    Value result = contract.getResult();
    FailureOr<ContractAxes> axes = findOrderedAxes(rewriter, contract, result, reason);
    if (succeeded(axes) && getFloatObstacle(contract, *axes).empty())
      rewriter.replaceOp(op, result);
    // What nobody reads goes with the next patterns.
  }
}

Value formFloats(RewriterBase &rewriter, ContractOp op, const ContractAxes &axes) {
  Location loc = op.getLoc();
  AffineMap maps[] = {op.getLhsMap(), op.getRhsMap()};
  Value sides[] = {op.getLhs(), op.getRhs()};
  bool areTransposed[2];
  for (unsigned i = 0; i < 2; ++i) {
    while (Value source = readThroughTranspose(sides[i], maps[i]))
      sides[i] = source;
    areTransposed[i] = axes.isTransposed(maps[i], /*isLhs=*/i == 0);
    sides[i] = axes.formSide(rewriter, loc, sides[i], maps[i], /*isLhs=*/i == 0, areTransposed[i]);
  }
  SmallVector<Value> operands;
  appendEpilogueOperands(rewriter, op, axes, operands);
  auto type = cast<RankedTensorType>(op.getResult().getType());
  Value init = formInit(rewriter, op, axes);
  auto matmul = MatmulOp::create(rewriter, loc, init.getType(), sides[0], sides[1], Value(), Value(), init, operands,
                                 /*lhs_unsigned=*/false, /*rhs_unsigned=*/false,
                                 /*bits=*/false, areTransposed[0], areTransposed[1], WindowsAttr());
  matmul->setDiscardableAttrs(op->getDiscardableAttrDictionary());
  OpBuilder::InsertionGuard guard(rewriter);
  Block *block = createEpilogue(rewriter, loc, matmul.getEpilogue(), rewriter.getF32Type(), operands);
  if (op.hasEpilogue())
    YieldOp::create(rewriter, loc, applyEpilogue(rewriter, op.getEpilogue(), block->getArgument(0), block->getArguments().drop_front()));
  else
    YieldOp::create(rewriter, loc, block->getArgument(0));
  rewriter.setInsertionPointAfter(matmul);
  return buildReshaped(rewriter, loc, matmul.getResult(), type.getShape());
}

} // namespace mlir::lowbit
