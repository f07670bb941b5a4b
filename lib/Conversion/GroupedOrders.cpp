//===- GroupedOrders.cpp - weights of few bits as their order says ---------===//
// Law: weights are the numbers or levels that `lowbit.grouped_matmul` says; every operation is one of it and of its order.

#include "ProductOrders.h"
#include "lowbit/Conversion/BlockView.h"
#include "lowbit/IR/LaneWeights.h"
#include "lowbit/Packings/HostPacking.h"
#include "lowbit/Transforms/SumOrder.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "mlir/IR/Matchers.h"
#include <cmath>

namespace mlir::lowbit {
namespace {
/// The sums of one product.
class SumsBuilder {
public:
  SumsBuilder(RewriterBase &b, GroupedMatmulOp op, const SumOrder &order)
      : b(b), op(op), loc(op.getLoc()), order(order), given(getElementTypeOrSelf(op.getLhs().getType())),
        element(given.isF32() ? Type(b.getBF16Type()) : given), rows(getType(op.getLhs()).getDimSize(0)),
        columns(getType(op.getInit()).getDimSize(1)), depth(getType(op.getLhs()).getDimSize(1)), group(static_cast<int64_t>(op.getGroup())),
        laneDepth(LaneWeights::getLaneDepth(group)) {
    if (op.getLevels())
      levels = *op.getLevels();
  }

  FailureOr<Value> build() {
    ElementsAttr constant;
    std::optional<ArrayRef<char>> bytes;
    if (matchPattern(op.getRhs(), m_Constant(&constant)))
      bytes = getConstantBytes(constant);
    if (!bytes || constant.isSplat())
      return op.emitOpError("has weights that are no constant; expected one, which loops unpack"), failure();
    packed = *bytes;
    if (element.isInteger())
      return buildIntegers();
    FailureOr<Value> weights = formWeights();
    if (failed(weights))
      return failure();
    Value dots = multiply(formLeft(), *weights);
    if (group == 0)
      return buildScaled(buildLastSums(b, loc, dots));
    return buildReals(b, loc, buildScaled(dots), Value(), cutColumns(op.getScales()));
  }

private:
  static RankedTensorType getType(Value value) { return cast<RankedTensorType>(value.getType()); }

  // The reduction is `[blocks, owners, chunks, 4, laneDepth / 4, 4]`: owners of dots are groups, of one block each, or the sums that blocks
  // are dealt to in turn.
  int64_t getOwners() const { return group != 0 ? depth / group : order.parts; }
  int64_t getOwnDepth() const { return group != 0 ? group : order.part; }
  int64_t getBlocks() const { return llvm::divideCeil(depth, getOwners() * getOwnDepth()); }
  int64_t getPaddedDepth() const { return getBlocks() * getOwners() * getOwnDepth(); }
  SmallVector<int64_t> getReductionShape() const {
    return {getBlocks(), getOwners(), getOwnDepth() / (4 * laneDepth), 4, laneDepth / 4, 4};
  }

  /// The weight, or its code, of a column at `k`.
  int64_t readWeight(int64_t column, int64_t k) {
    auto width = static_cast<int64_t>(op.getWidth());
    LaneWeights lanes{width, element.getIntOrFloatBitWidth(), laneDepth, levels.empty() ? LaneFields::Numbers : getFieldsOfLevels(levels),
                      element.isBF16() ? 7 : 10};
    int64_t rowBits = getType(op.getRhs()).getDimSize(1) * 8, number = 0;
    for (int64_t i = 0; i < width; ++i) {
      int64_t bit = column / LaneWeights::columns * rowBits + lanes.getBit(column % LaneWeights::columns, k, i);
      number |= (packed[bit / 8] >> bit % 8 & 1) << i;
    }
    bool isNegative = levels.empty() && !op.getRhsUnsigned() && (number >> (width - 1) & 1) != 0;
    return isNegative ? number - (int64_t(1) << width) : number;
  }

  /// Of each weight or code the halves that are multiplied.
  FailureOr<SmallVector<SmallVector<double>>> getHalves() {
    constexpr size_t most = 3;
    SmallVector<SmallVector<double>> halves;
    SmallVector<double> rests;
    for (float level : levels)
      rests.push_back(std::ldexp(static_cast<double>(level), static_cast<int>(-order.exponent)));
    do {
      if (halves.size() == most)
        return op.emitOpError() << "has levels that are no sums of three numbers of " << element, failure();
      SmallVector<double> &nearest = halves.emplace_back();
      for (double &rest : rests) {
        APFloat half(rest);
        bool losesInfo;
        half.convert(cast<FloatType>(element).getFloatSemantics(), APFloat::rmNearestTiesToEven, &losesInfo);
        nearest.push_back(half.convertToDouble());
        rest -= nearest.back();
      }
    } while (llvm::any_of(rests, [](double rest) { return rest != 0; }));
    return halves;
  }

  /// `[halves, N, reduction]`, without zero points.
  FailureOr<Value> formWeights() {
    FailureOr<SmallVector<SmallVector<double>>> halves = SmallVector<SmallVector<double>>(1);
    if (!levels.empty() && failed(halves = getHalves()))
      return failure();
    int64_t padded = getPaddedDepth();
    std::vector<uint16_t> bits(halves->size() * columns * padded, 0);
    for (auto [part, values] : llvm::enumerate(*halves))
      for (int64_t column = 0; column < columns; ++column)
        for (int64_t k = 0; k < depth; ++k) {
          int64_t weight = readWeight(column, k);
          APFloat half(levels.empty() ? static_cast<double>(weight) : values[weight]);
          bool losesInfo;
          half.convert(cast<FloatType>(element).getFloatSemantics(), APFloat::rmNearestTiesToEven, &losesInfo);
          bits[(part * columns + column) * padded + k] = static_cast<uint16_t>(half.bitcastToAPInt().getZExtValue());
        }
    SmallVector<int64_t> shape{static_cast<int64_t>(halves->size()), columns};
    shape.append(getReductionShape());
    ArrayRef<char> data(reinterpret_cast<const char *>(bits.data()), bits.size() * sizeof(uint16_t));
    Value weights = arith::ConstantOp::create(b, loc, makeResource(RankedTensorType::get(shape, element), "weights", data));
    return op.getZeros() ? subtractZeros(weights) : weights;
  }

  /// Less their zero points, which is exact.
  Value subtractZeros(Value weights) {
    unsigned rank = getType(weights).getRank();
    AffineMap all = b.getMultiDimIdentityMap(rank);
    AffineMap zeros = AffineMap::get(rank, 0, {all.getResult(3), all.getResult(1)}, b.getContext()); // groups, columns
    Value empty = tensor::EmptyOp::create(b, loc, getType(weights).getShape(), element);
    return buildGeneric(b, loc, {weights, cutColumns(op.getZeros())}, empty, {all, zeros, all},
                        [&](OpBuilder &nested, Location at, ValueRange elements) -> Value {
                          Type f32 = nested.getF32Type();
                          Value zero = op.getRhsUnsigned() ? arith::UIToFPOp::create(nested, at, f32, elements[1]).getResult()
                                                           : arith::SIToFPOp::create(nested, at, f32, elements[1]).getResult();
                          Value real = arith::ExtFOp::create(nested, at, f32, elements[0]);
                          return arith::TruncFOp::create(nested, at, element, arith::SubFOp::create(nested, at, real, zero));
                        });
  }

  /// `[parts, M, reduction]`, filled up with zeros: of f32 three parts in bf16, else one.
  Value formLeft() {
    Value left = op.getLhs();
    int64_t padded = getPaddedDepth();
    if (padded != depth) {
      SmallVector<OpFoldResult> low(2, b.getIndexAttr(0)), high{b.getIndexAttr(0), b.getIndexAttr(padded - depth)};
      Value zero = arith::ConstantOp::create(b, loc, b.getZeroAttr(given));
      left = tensor::PadOp::create(b, loc, RankedTensorType::get({rows, padded}, given), left, low, high, zero);
    }
    SmallVector<int64_t> shape{getParts(), rows};
    shape.append(getReductionShape());
    if (getParts() == 1) {
      SmallVector<ReassociationIndices> axes{{0, 1}, {2, 3, 4, 5, 6, 7}};
      return tensor::ExpandShapeOp::create(b, loc, RankedTensorType::get(shape, element), left, axes);
    }
    SmallVector<ReassociationIndices> axes{{0}, {1}, {2, 3, 4, 5, 6, 7}};
    return tensor::ExpandShapeOp::create(b, loc, RankedTensorType::get(shape, element), split(left), axes);
  }

  int64_t getParts() const { return given.isF32() ? 3 : 1; }

  /// Each f32 as the upper half of its bits, that of what this leaves, and that of what is left then; the last one first. Of infinities and
  /// what is no number nothing is left.
  Value split(Value left) {
    SmallVector<int64_t> shape{getParts(), rows, getPaddedDepth()};
    AffineMap all = b.getMultiDimIdentityMap(3), read = all.getMinorSubMap(2);
    Value empty = tensor::EmptyOp::create(b, loc, shape, element);
    return buildGeneric(b, loc, left, empty, {read, all}, [&](OpBuilder &nested, Location at, ValueRange elements) {
      ImplicitLocOpBuilder n(at, nested);
      Type i32 = n.getI32Type(), f32 = n.getF32Type();
      auto word = [&](uint32_t bits) { return arith::ConstantOp::create(n, n.getI32IntegerAttr(static_cast<int32_t>(bits))).getResult(); };
      auto toReal = [&](Value bits) { return arith::BitcastOp::create(n, f32, bits).getResult(); };
      auto toBits = [&](Value real) { return arith::BitcastOp::create(n, i32, real).getResult(); };
      Value exponent = word(0x7f800000), size = arith::AndIOp::create(n, toBits(elements[0]), word(0x7fffffff));
      Value isFinite = arith::CmpIOp::create(n, arith::CmpIPredicate::ult, size, exponent);
      Value isNone = arith::CmpIOp::create(n, arith::CmpIPredicate::ugt, size, exponent);
      Value rest = arith::SelectOp::create(n, isNone, word(0x7fc00000), toBits(elements[0])), result;
      Value place = linalg::IndexOp::create(n, 0);
      for (int64_t part = getParts() - 1; part >= 0; --part) {
        Value upper = arith::AndIOp::create(n, rest, word(0xffff0000));
        Value isThis = arith::CmpIOp::create(n, arith::CmpIPredicate::eq, place, arith::ConstantIndexOp::create(n, part));
        result = result ? arith::SelectOp::create(n, isThis, upper, result).getResult() : upper;
        Value left = toBits(arith::SubFOp::create(n, toReal(rest), toReal(upper)));
        rest = arith::SelectOp::create(n, isFinite, left, word(0));
      }
      Value half = arith::TruncIOp::create(n, n.getI16Type(), arith::ShRUIOp::create(n, result, word(16)));
      return arith::BitcastOp::create(n, element, half).getResult();
    });
  }

  /// Dots of owners, `[M, N, owners]`.
  Value multiply(Value left, Value right) {
    // Loops: rows, columns, owners, then blocks, chunks, fours of a lane, parts of reals, halves of weights, lanes, neighbours.
    enum { Row, Column, Owner, Block, Chunk, Four, Part, Half, Lane, Neighbour, Count };
    auto getMap = [&](ArrayRef<unsigned> loops) {
      SmallVector<AffineExpr> exprs = llvm::map_to_vector(loops, [&](unsigned loop) { return b.getAffineDimExpr(loop); });
      return AffineMap::get(Count, 0, exprs, b.getContext());
    };
    AffineMap maps[] = {getMap({Part, Row, Block, Owner, Chunk, Lane, Four, Neighbour}),
                        getMap({Half, Column, Block, Owner, Chunk, Lane, Four, Neighbour}), getMap({Row, Column, Owner})};
    Value zeros = buildZeros(b, loc, {rows, columns, getOwners()}, b.getF32Type());
    return buildMatrixSums(b, loc, left, right, zeros, maps, order.matrix);
  }

  /// Times two to the power of the order's exponent.
  Value buildScaled(Value sums) {
    if (order.exponent == 0)
      return sums;
    SmallVector<AffineMap> maps(2, b.getMultiDimIdentityMap(getType(sums).getRank()));
    Value empty = tensor::EmptyOp::create(b, loc, getType(sums).getShape(), b.getF32Type());
    return buildGeneric(b, loc, sums, empty, maps, [&](OpBuilder &nested, Location at, ValueRange elements) -> Value {
      auto factor = static_cast<float>(std::ldexp(1.0, static_cast<int>(order.exponent)));
      return arith::MulFOp::create(nested, at, elements[0], arith::ConstantOp::create(nested, at, nested.getF32FloatAttr(factor)));
    });
  }

  /// Parameters of groups without the columns that only fill tiles up.
  Value cutColumns(Value parameters) {
    RankedTensorType type = getType(parameters);
    if (type.getDimSize(1) == columns)
      return parameters;
    SmallVector<int64_t> shape{type.getDimSize(0), columns};
    SmallVector<OpFoldResult> offsets(2, b.getIndexAttr(0)), strides(2, b.getIndexAttr(1));
    return tensor::ExtractSliceOp::create(b, loc, type.clone(shape), parameters, offsets, getAsIndexOpFoldResult(b.getContext(), shape),
                                          strides);
  }

  /// Of lhs of i8, whose dots are exact.
  Value buildIntegers() {
    int64_t own = group != 0 ? group : depth, owners = depth / own;
    std::vector<char> bytes(columns * depth);
    for (int64_t column = 0; column < columns; ++column)
      for (int64_t k = 0; k < depth; ++k)
        bytes[column * depth + k] = static_cast<char>(readWeight(column, k));
    auto type = RankedTensorType::get({columns, owners, own}, b.getI8Type());
    Value right = arith::ConstantOp::create(b, loc, makeResource(type, "weights", bytes));
    SmallVector<ReassociationIndices> axes{{0}, {1, 2}};
    Value left = tensor::ExpandShapeOp::create(b, loc, type.clone({rows, owners, own}), op.getLhs(), axes);
    AffineExpr m = b.getAffineDimExpr(0), n = b.getAffineDimExpr(1), g = b.getAffineDimExpr(2), k = b.getAffineDimExpr(3);
    auto getMap = [&](ArrayRef<AffineExpr> exprs) { return AffineMap::get(4, 0, exprs, b.getContext()); };
    Value dots = buildGeneric(
        b, loc, {left, right}, buildZeros(b, loc, {rows, columns, owners}, b.getI32Type()),
        {getMap({m, g, k}), getMap({n, g, k}), getMap({m, n, g})}, [](OpBuilder &nested, Location at, ValueRange elements) -> Value {
          auto widen = [&](Value byte) { return arith::ExtSIOp::create(nested, at, nested.getI32Type(), byte).getResult(); };
          Value product = arith::MulIOp::create(nested, at, widen(elements[0]), widen(elements[1]));
          return arith::AddIOp::create(nested, at, elements[2], product);
        });
    if (group != 0)
      return buildReals(b, loc, dots, Value(), cutColumns(op.getScales()));
    SmallVector<ReassociationIndices> together{{0}, {1, 2}};
    return tensor::CollapseShapeOp::create(b, loc, RankedTensorType::get({rows, columns}, b.getI32Type()), dots, together);
  }

  RewriterBase &b;
  GroupedMatmulOp op;
  Location loc;
  const SumOrder &order;
  Type given;   ///< The elements of lhs,
  Type element; ///< and what is multiplied.
  int64_t rows, columns, depth, group, laneDepth;
  ArrayRef<float> levels;
  ArrayRef<char> packed;
};
} // namespace

FailureOr<Value> buildOrderedSums(RewriterBase &rewriter, GroupedMatmulOp op) {
  FailureOr<SumOrder> order = getSumOrder(op);
  if (failed(order))
    return failure();
  for (Value value : {op.getLhs(), op.getInit()})
    if (!cast<RankedTensorType>(value.getType()).hasStaticShape())
      return op.emitOpError() << "has an operand of " << value.getType() << "; expected sizes that are known", failure();
  auto group = static_cast<int64_t>(op.getGroup());
  bool areFloats = isa<FloatType>(getElementTypeOrSelf(op.getLhs().getType()));
  bool isKnown = order->matrix == 16 && order->neighbours == LaneWeights::getLaneDepth(group) &&
                 (group != 0 || (order->parts > 0 && order->part % (4 * order->neighbours) == 0));
  if (areFloats && !isKnown)
    return op.emitOpError() << "is of floats, which matrix units add up in orders of their own; expected one in `" << sumOrderAttrName
                            << "`, which `lowbit-order-sums` writes for a GPU",
           failure();
  return SumsBuilder(rewriter, op, *order).build();
}

} // namespace mlir::lowbit
