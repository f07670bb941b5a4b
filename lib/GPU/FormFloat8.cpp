//===- FormFloat8.cpp - contractions of 8-bit floats become products ------===//
// Law: reals are those of the contraction, operation by operation, from a sum that keeps what `lowbit.matmul` says; what fills the
// reduction up is zero times zero.

#include "FormFloat8.h"
#include "FormScales.h"
#include "ProductParts.h"
#include "lowbit/Analysis/AccumulatorBound.h"
#include "lowbit/Conversion/BlockView.h"
#include "lowbit/Formats/Build.h"
#include "lowbit/Packings/HostPacking.h"
#include "lowbit/Transforms/Sites.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"

namespace mlir::lowbit {

bool hasFloat8Sides(ContractOp op) {
  return llvm::all_of(ArrayRef<Value>{op.getLhs(), op.getRhs()},
                      [](Value side) { return isa<Float8E4M3FNType, Float8E5M2Type>(getElementTypeOrSelf(side.getType())); });
}

std::string getFloat8Obstacle(ContractOp op, const ContractAxes &axes, const GPUArchitecture *gpu) {
  if (op->hasAttr(kExactAttr))
    return "matrix units keep fewer bits of sums of 8-bit floats than `lowbit.exact` allows";
  if (gpu && !gpu->hasFloat8Mma)
    return (gpu->chip + " has no products of 8-bit floats").str();
  if (op.getLhsZeros() || op.getRhsZeros())
    return "floats have zero points";
  if (std::string reason = getReductionGroupObstacle(op, axes, gpu); !reason.empty())
    return reason;
  if (sharesScalesInPart(op))
    return "scales are shared by some but not all codes of an axis";
  Type element = getElementTypeOrSelf(op.getResult().getType());
  if (!element.isIntOrFloat() || element.getIntOrFloatBitWidth() < 8)
    return "elements of the result take less than a byte";
  return "";
}

namespace {
struct Former {
  RewriterBase &rewriter;
  ContractOp op;
  const ContractAxes &axes;
  Location loc = op.getLoc();

  /// A side with its reduction last, filled up to what one asynchronous copy moves.
  Value formSide(Value codes, AffineMap map, bool isLhs) {
    constexpr int64_t depthMultiple = 16;
    int64_t depth = axes.getDepth(), padded = llvm::alignTo(depth, depthMultiple);
    auto type = cast<RankedTensorType>(codes.getType());
    RankedTensorType target = type.clone(isLhs ? axes.getLhsShape(padded) : axes.getRhsShape(padded));
    if (std::optional<std::vector<char>> known = readCodes(codes)) {
      std::vector<int64_t> places = axes.getPlaces(type.getShape(), map, isLhs);
      std::vector<char> bytes(target.getNumElements(), 0);
      for (auto [i, place] : llvm::enumerate(places))
        bytes[i / depth * padded + i % depth] = (*known)[place];
      return arith::ConstantOp::create(rewriter, loc, makeResource(target, "codes", bytes));
    }
    Value formed = axes.formSide(rewriter, loc, codes, map, isLhs);
    if (padded == depth)
      return formed;
    return buildFilledUp(rewriter, loc, formed, target.getShape());
  }

  void buildRegion(MatmulOp matmul, ValueRange operands, unsigned numScales) {
    OpBuilder::InsertionGuard guard(rewriter);
    Block *block = createEpilogue(rewriter, loc, matmul.getEpilogue(), rewriter.getF32Type(), operands);
    ValueRange elements = block->getArguments().drop_front();
    Value value = block->getArgument(0);
    for (Value scale : elements.take_front(numScales))
      value = arith::MulFOp::create(rewriter, loc, value, buildAsF32(rewriter, loc, scale));
    Value element = op.hasEpilogue() ? applyEpilogue(rewriter, op.getEpilogue(), value, elements.drop_front(numScales))
                                     : buildFromF32(rewriter, loc, value, getElementTypeOrSelf(op.getResult().getType()));
    YieldOp::create(rewriter, loc, element);
  }

  Value build() {
    SmallVector<Value> operands;
    Value lhsScales = formGroupScales(rewriter, op, axes, ContractOperand::Lhs);
    Value rhsScales = formGroupScales(rewriter, op, axes, ContractOperand::Rhs);
    unsigned numScales = appendScales(rewriter, loc, axes, {lhsScales ? Value() : op.getLhsScales(), op.getLhsMap()},
                                      {rhsScales ? Value() : op.getRhsScales(), op.getRhsMap()}, operands);
    appendEpilogueOperands(rewriter, op, axes, operands);
    Value lhs = formSide(op.getLhs(), op.getLhsMap(), /*isLhs=*/true), rhs = formSide(op.getRhs(), op.getRhsMap(), /*isLhs=*/false);
    auto type = cast<RankedTensorType>(op.getResult().getType());
    Value init = formInit(rewriter, op, axes);
    auto matmul =
        MatmulOp::create(rewriter, loc, init.getType(), lhs, rhs, lhsScales, rhsScales, init, operands, /*lhs_unsigned=*/false,
                         /*rhs_unsigned=*/false,
                         /*bits=*/false, /*lhs_transposed=*/false, /*rhs_transposed=*/false, WindowsAttr(), getReductionGroup(op, axes));
    matmul->setDiscardableAttrs(op->getDiscardableAttrDictionary());
    buildRegion(matmul, operands, numScales);
    return buildReshaped(rewriter, loc, matmul.getResult(), type.getShape());
  }
};
} // namespace

Value formFloat8(RewriterBase &rewriter, ContractOp op, const ContractAxes &axes) { return Former{rewriter, op, axes}.build(); }

} // namespace mlir::lowbit
