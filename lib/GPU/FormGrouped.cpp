//===- FormGrouped.cpp - contractions with weights of few bits ------------===//
// Law: weights are the numbers that codes stand for; reals are those of the contraction, operation by operation.

#include "FormGrouped.h"
#include "FewBits.h"
#include "ProductParts.h"
#include "lowbit/Analysis/AccumulatorBound.h"
#include "lowbit/Conversion/BlockView.h"
#include "lowbit/Formats/Build.h"
#include "lowbit/Packings/HostPacking.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/IR/IRMapping.h"

namespace mlir::lowbit {

namespace {
struct Former {
  RewriterBase &rewriter;
  ContractOp op;
  const ContractAxes &axes;
  Location loc = op.getLoc();
  FewBits bits{op, axes};
  NumberFormatAttrInterface format = op.getRhsScheme()->getFormat();
  int64_t group = bits.group;
  LaneWeights weights = bits.getWeights();

  int64_t getTiles() const { return llvm::divideCeil(axes.getColumns(), LaneWeights::columns); }

  Value packCodes() {
    std::optional<std::vector<char>> codes = readCodes(op.getRhs());
    ArrayRef<int64_t> shape = cast<RankedTensorType>(op.getRhs().getType()).getShape();
    std::vector<int64_t> places = axes.getPlaces(shape, op.getRhsMap(), /*isLhs=*/false);
    int64_t depth = axes.getDepth(), rowBytes = weights.getRowBytes(depth, group);
    std::vector<char> bytes(getTiles() * rowBytes, 0);
    for (int64_t column = 0; column < axes.getColumns(); ++column)
      for (int64_t k = 0; k < depth; ++k) {
        auto code = static_cast<uint8_t>((*codes)[places[column * depth + k]]);
        int64_t number = bits.levels.empty() ? static_cast<int64_t>(format.decode(code)) : code;
        for (int64_t i = 0; i < weights.width; ++i) {
          int64_t bit = weights.getBit(column % LaneWeights::columns, k, i);
          bytes[column / LaneWeights::columns * rowBytes + bit / 8] |= static_cast<char>((number >> i & 1) << bit % 8);
        }
      }
    auto type = RankedTensorType::get({getTiles(), rowBytes}, rewriter.getI8Type());
    return arith::ConstantOp::create(rewriter, loc, makeResource(type, "codes", bytes));
  }

  /// Scales or zero points as `[groups, columns]`, of whole tiles.
  Value formScales(Value scales) {
    if (bits.depthAxis != 0)
      scales = buildTransposed(rewriter, loc, scales, {1, 0});
    auto type = cast<RankedTensorType>(scales.getType());
    int64_t columns = getTiles() * LaneWeights::columns;
    if (type.getDimSize(1) == columns)
      return scales;
    // Any number does; not all floats of 8 bits have a zero.
    Value one = arith::ConstantOp::create(rewriter, loc, rewriter.getOneAttr(type.getElementType()));
    Value empty = tensor::EmptyOp::create(rewriter, loc, {type.getDimSize(0), columns}, type.getElementType());
    Value ones = linalg::FillOp::create(rewriter, loc, one, empty).getResult(0);
    SmallVector<OpFoldResult> offsets(2, rewriter.getIndexAttr(0)), strides(2, rewriter.getIndexAttr(1));
    return tensor::InsertSliceOp::create(rewriter, loc, scales, ones, offsets,
                                         getAsIndexOpFoldResult(rewriter.getContext(), type.getShape()), strides);
  }

  /// Zero points as bytes, of the sign of the codes.
  Value formZeros() {
    Value zeros = formScales(op.getRhsZeros());
    auto type = cast<RankedTensorType>(zeros.getType());
    Value empty = tensor::EmptyOp::create(rewriter, loc, type.getShape(), rewriter.getI8Type());
    SmallVector<AffineMap> maps(2, rewriter.getMultiDimIdentityMap(2));
    return buildGeneric(rewriter, loc, zeros, empty, maps, [&](OpBuilder &b, Location at, ValueRange elements) {
      return buildResize(b, at, elements[0], 8, format.isSigned());
    });
  }

  /// What left codes, in rows, stand for, without their scales. It is f16 to the bit.
  Value formHalves(Value codes) {
    auto type = cast<RankedTensorType>(codes.getType());
    SmallVector<AffineMap> maps(1, rewriter.getMultiDimIdentityMap(2));
    SmallVector<Value> inputs{codes};
    if (op.getLhsZeros()) {
      inputs.push_back(axes.formOperand(rewriter, loc, op.getLhsZeros(), op.getLhsMap()));
      AffineExpr row =
          cast<RankedTensorType>(inputs[1].getType()).getDimSize(0) == 1 ? rewriter.getAffineConstantExpr(0) : rewriter.getAffineDimExpr(0);
      maps.push_back(AffineMap::get(2, 0, {row, rewriter.getAffineConstantExpr(0)}, rewriter.getContext()));
    }
    maps.push_back(maps[0]);
    Value empty = tensor::EmptyOp::create(rewriter, loc, type.getShape(), bits.element);
    NumberFormatAttrInterface left = op.getLhsSchemeAttr().getFormat();
    return buildGeneric(rewriter, loc, inputs, empty, maps, [&](OpBuilder &b, Location at, ValueRange elements) -> Value {
      Value number = left.buildDecodeInteger(b, at, elements[0], 32);
      if (op.getLhsZeros())
        number = arith::SubIOp::create(b, at, number, buildResize(b, at, elements[1], 32, left.isSigned()));
      return arith::SIToFPOp::create(b, at, bits.element, number);
    });
  }

  /// The real, or the sum, less what the scales that do not change make of it.
  void buildRegion(GroupedMatmulOp product, ValueRange operands, size_t numScales) {
    OpBuilder::InsertionGuard guard(rewriter);
    Block *block = createEpilogue(rewriter, loc, product.getEpilogue(), product.getSumType(), operands);
    ValueRange elements = block->getArguments().drop_front();
    Value value = block->getArgument(0);
    bool areSums = !op.getLhsScales() && !op.getRhsScales();
    if (areSums)
      value = buildResize(rewriter, loc, value, op.getSumType().getIntOrFloatBitWidth(), /*isSigned=*/true);
    else if (value.getType().isInteger())
      value = arith::SIToFPOp::create(rewriter, loc, rewriter.getF32Type(), value);
    for (Value scale : elements.take_front(numScales))
      value = arith::MulFOp::create(rewriter, loc, value, buildAsF32(rewriter, loc, scale));
    if (!op.hasEpilogue()) {
      Type element = getElementTypeOrSelf(op.getResult().getType());
      YieldOp::create(rewriter, loc, areSums ? value : buildFromF32(rewriter, loc, value, element));
      return;
    }
    YieldOp::create(rewriter, loc, applyEpilogue(rewriter, op.getEpilogue(), value, elements.drop_front(numScales)));
  }

  Value build() {
    SmallVector<Value> operands;
    unsigned numScales = appendScales(rewriter, loc, axes, {op.getLhsScales(), op.getLhsMap()},
                                      {group == 0 ? op.getRhsScales() : Value(), op.getRhsMap()}, operands);
    appendEpilogueOperands(rewriter, op, axes, operands);
    Value lhs = axes.formSide(rewriter, loc, op.getLhs(), op.getLhsMap(), /*isLhs=*/true);
    if (bits.becomesHalves)
      lhs = formHalves(lhs);
    auto type = cast<RankedTensorType>(op.getResult().getType());
    Value init = formInit(rewriter, op, axes);
    Value scales = group != 0 ? formScales(op.getRhsScales()) : Value(), zeros = op.getRhsZeros() ? formZeros() : Value();
    auto product =
        GroupedMatmulOp::create(rewriter, loc, init.getType(), lhs, packCodes(), scales, zeros, init, operands, weights.width, group,
                                bits.isUnsigned, bits.levels.empty() ? DenseF32ArrayAttr() : rewriter.getDenseF32ArrayAttr(bits.levels));
    product->setDiscardableAttrs(op->getDiscardableAttrDictionary());
    buildRegion(product, operands, numScales);
    return buildReshaped(rewriter, loc, product.getResult(), type.getShape());
  }
};
} // namespace

bool prefersGrouped(ContractOp op, const ContractAxes &axes, bool hasKernel) {
  // Where rows are many, products of bytes take less time than weights of few bits, which are read and unpacked for each 16 of them.
  constexpr int64_t fewRows = 16;
  return changesAlongReductions(op, ContractOperand::Rhs) || !op.isInteger() ||
         (hasKernel && axes.getRows() <= fewRows && getGroupedObstacle(op, axes).empty());
}

std::string getGroupedObstacle(ContractOp op, const ContractAxes &axes) { return FewBits(op, axes).getObstacle(); }

Value formGrouped(RewriterBase &rewriter, ContractOp op, const ContractAxes &axes) { return Former{rewriter, op, axes}.build(); }

} // namespace mlir::lowbit
