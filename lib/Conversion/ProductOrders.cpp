//===- ProductOrders.cpp - sums of products as their order says ------------===//
// Law: every operation is one that `lowbit.matmul` and its order name. Shares nothing with kernels.

#include "ProductOrders.h"
#include "lowbit/Conversion/BlockView.h"
#include "lowbit/Formats/Build.h"
#include "lowbit/Transforms/SumOrder.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

namespace mlir::lowbit {

Value buildTerm(OpBuilder &b, Location loc, MatmulOp op, ValueRange elements) {
  if (getElementTypeOrSelf(op.getLhs().getType()).isF32())
    return math::FmaOp::create(b, loc, elements[0], elements[1], elements[2]);
  Type i32 = b.getI32Type();
  auto widen = [&](Value byte, bool isUnsigned) -> Value {
    return isUnsigned ? arith::ExtUIOp::create(b, loc, i32, byte).getResult() : arith::ExtSIOp::create(b, loc, i32, byte).getResult();
  };
  Value product;
  if (op.getBits())
    product = widen(math::CtPopOp::create(b, loc, arith::AndIOp::create(b, loc, elements[0], elements[1])), /*isUnsigned=*/true);
  else
    product = arith::MulIOp::create(b, loc, widen(elements[0], op.getLhsUnsigned()), widen(elements[1], op.getRhsUnsigned()));
  return arith::AddIOp::create(b, loc, elements[2], product);
}

SmallVector<AffineExpr> getPlace(Value side, ArrayRef<AffineExpr> batch, AffineExpr first, AffineExpr depth, bool isTransposed) {
  SmallVector<AffineExpr> place(batch);
  for (auto [expr, size] : llvm::zip(place, cast<RankedTensorType>(side.getType()).getShape()))
    if (size == 1)
      expr = getAffineConstantExpr(0, expr.getContext());
  place.push_back(isTransposed ? depth : first);
  place.push_back(isTransposed ? first : depth);
  return place;
}

Value buildMatrixSums(OpBuilder &b, Location loc, Value left, Value right, Value sums, ArrayRef<AffineMap> maps, int64_t matrix) {
  Value result = buildGeneric(b, loc, {left, right}, sums, maps, [](OpBuilder &nested, Location at, ValueRange elements) -> Value {
    auto widen = [&](Value element) { return arith::ExtFOp::create(nested, at, nested.getF32Type(), element).getResult(); };
    Value product = arith::MulFOp::create(nested, at, widen(elements[0]), widen(elements[1]));
    return arith::AddFOp::create(nested, at, elements[2], product);
  });
  SumOrder order;
  order.matrix = matrix;
  setSumOrder(result.getDefiningOp(), order);
  return result;
}

Value buildLastSums(OpBuilder &b, Location loc, Value parts) {
  auto type = cast<RankedTensorType>(parts.getType());
  unsigned rank = type.getRank();
  AffineMap all = b.getMultiDimIdentityMap(rank);
  Value zeros = buildZeros(b, loc, type.getShape().drop_back(), type.getElementType());
  return buildGeneric(b, loc, parts, zeros, {all, all.getMajorSubMap(rank - 1)},
                      [](OpBuilder &nested, Location at, ValueRange elements) -> Value {
                        return arith::AddFOp::create(nested, at, elements[1], elements[0]);
                      });
}

Value buildReals(OpBuilder &b, Location loc, Value dots, Value lhsScales, Value rhsScales) {
  auto type = cast<RankedTensorType>(dots.getType());
  AffineExpr m = b.getAffineDimExpr(0), n = b.getAffineDimExpr(1), g = b.getAffineDimExpr(2);
  auto getMap = [&](ArrayRef<AffineExpr> exprs) { return AffineMap::get(3, 0, exprs, b.getContext()); };
  SmallVector<Value> inputs{dots};
  SmallVector<AffineMap> maps{getMap({m, n, g})};
  for (auto [scales, map] : {std::pair(lhsScales, getMap({m, g})), std::pair(rhsScales, getMap({g, n}))})
    if (scales) {
      inputs.push_back(scales);
      maps.push_back(map);
    }
  maps.push_back(getMap({m, n}));
  return buildGeneric(b, loc, inputs, buildZeros(b, loc, type.getShape().drop_back(), b.getF32Type()), maps,
                      [&](OpBuilder &nested, Location at, ValueRange elements) -> Value {
                        Value term = elements[0];
                        if (term.getType().isInteger())
                          term = arith::SIToFPOp::create(nested, at, nested.getF32Type(), term);
                        ValueRange scales = elements.drop_front().drop_back();
                        if (scales.size() == 2)
                          term = arith::MulFOp::create(nested, at, term, buildAsF32(nested, at, scales[0]));
                        return math::FmaOp::create(nested, at, term, buildAsF32(nested, at, scales.back()), elements.back());
                      });
}

namespace {
/// The sums of one product.
class SumsBuilder {
public:
  SumsBuilder(RewriterBase &b, MatmulOp op, const SumOrder &order)
      : b(b), op(op), loc(op.getLoc()), areFloats(isa<FloatType>(getElementTypeOrSelf(op.getLhs().getType()))), order(order),
        shape(cast<RankedTensorType>(op.getInit().getType()).getShape()), group(static_cast<int64_t>(op.getGroup())),
        part(!areFloats   ? group
             : group == 0 ? order.part
                          : std::min(order.part, group)) {}

  Value build() {
    Value dots = multiply(split(op.getLhs()), split(op.getRhs()));
    if (group == 0)
      return buildLastSums(b, loc, dots);
    if (group != part) {
      auto type = cast<RankedTensorType>(dots.getType());
      SmallVector<ReassociationIndices> axes{{0}, {1}, {2, 3}};
      SmallVector<int64_t> sizes{type.getDimSize(0), type.getDimSize(1), type.getDimSize(2) * part / group, group / part};
      dots = buildLastSums(b, loc, tensor::ExpandShapeOp::create(b, loc, type.clone(sizes), dots, axes));
    }
    return buildReals(b, loc, dots, op.getLhsScales(), op.getRhsScales());
  }

private:
  /// Whether floats are multiplied as f16, whose k mod 4 < 2 come first.
  bool areHalves() const { return areFloats && order.matrix == 16; }

  /// A side with its reduction, filled up with zeros, as parts: `[…, parts, part]`, or `[…, parts, part / 4, 2, 2]` of halves.
  Value split(Value side) {
    auto type = cast<RankedTensorType>(side.getType());
    SmallVector<int64_t> sizes(type.getShape());
    int64_t depth = sizes.back(), padded = llvm::alignTo(depth, part);
    unsigned last = sizes.size() - 1;
    if (padded != depth) {
      SmallVector<OpFoldResult> low(sizes.size(), b.getIndexAttr(0)), high(low);
      high.back() = b.getIndexAttr(padded - depth);
      sizes.back() = padded;
      Value zero = arith::ConstantOp::create(b, loc, b.getZeroAttr(type.getElementType()));
      side = tensor::PadOp::create(b, loc, type.clone(sizes), side, low, high, zero);
    }
    if (areHalves()) {
      Value empty = tensor::EmptyOp::create(b, loc, sizes, b.getF16Type());
      SmallVector<AffineMap> maps(2, b.getMultiDimIdentityMap(sizes.size()));
      side = buildGeneric(b, loc, side, empty, maps, [](OpBuilder &nested, Location at, ValueRange elements) {
        return buildFromF32(nested, at, buildAsF32(nested, at, elements[0]), nested.getF16Type());
      });
    }
    sizes.back() = padded / part;
    sizes.append(areHalves() ? SmallVector<int64_t>{part / 4, 2, 2} : SmallVector<int64_t>{part});
    SmallVector<ReassociationIndices> axes;
    for (unsigned axis = 0; axis < last; ++axis)
      axes.push_back({axis});
    axes.push_back(llvm::to_vector(llvm::seq<int64_t>(last, sizes.size())));
    return tensor::ExpandShapeOp::create(b, loc, cast<RankedTensorType>(side.getType()).clone(sizes), side, axes);
  }

  /// Dots of parts, `[…, M, N, parts]`.
  Value multiply(Value left, Value right) {
    unsigned rank = shape.size(), inner = areHalves() ? 3 : 1, loops = rank + 1 + inner;
    SmallVector<AffineExpr> dims = llvm::map_to_vector(llvm::seq(loops), [&](unsigned i) { return b.getAffineDimExpr(i); });
    ArrayRef<AffineExpr> batch = ArrayRef(dims).take_front(rank - 2);
    auto getSide = [&](Value side, AffineExpr first) {
      SmallVector<AffineExpr> place = getPlace(side, batch, first, dims[rank], /*isTransposed=*/false);
      if (areHalves())
        place.append({dims[rank + 2], dims[rank + 1], dims[rank + 3]});
      else
        place.push_back(dims[rank + 1]);
      return AffineMap::get(loops, 0, place, b.getContext());
    };
    AffineMap maps[] = {getSide(left, dims[rank - 2]), getSide(right, dims[rank - 1]),
                        AffineMap::get(loops, 0, ArrayRef(dims).take_front(rank + 1), b.getContext())};
    SmallVector<int64_t> sizes(shape);
    sizes.push_back(cast<RankedTensorType>(left.getType()).getDimSize(rank - 1));
    if (areFloats)
      return buildMatrixSums(b, loc, left, right, buildZeros(b, loc, sizes, b.getF32Type()), maps, order.matrix);
    return buildGeneric(b, loc, {left, right}, buildZeros(b, loc, sizes, b.getI32Type()), maps,
                        [&](OpBuilder &nested, Location at, ValueRange elements) { return buildTerm(nested, at, op, elements); });
  }

  RewriterBase &b;
  MatmulOp op;
  Location loc;
  bool areFloats;
  const SumOrder &order;
  ArrayRef<int64_t> shape; ///< Of the result.
  int64_t group, part;
};
} // namespace

FailureOr<Value> buildOrderedSums(RewriterBase &rewriter, MatmulOp op) {
  FailureOr<SumOrder> order = getSumOrder(op);
  if (failed(order))
    return failure();
  if (isa<FloatType>(getElementTypeOrSelf(op.getLhs().getType())) &&
      ((order->matrix != 16 && order->matrix != 32) || order->part == 0 || order->part % 32 != 0))
    return op.emitOpError() << "is of floats of 8 bits, which matrix units add up in orders of their own; expected one in `"
                            << sumOrderAttrName << "`, which `lowbit-order-sums` writes for a GPU",
           failure();
  return SumsBuilder(rewriter, op, *order).build();
}

} // namespace mlir::lowbit
