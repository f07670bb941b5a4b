//===- Hadamard.cpp - rotations that cost additions only ------------------===//
//
// The fast Walsh-Hadamard transform: stage `h` takes elements `h` apart to their sum and their difference. A matrix product by blocks took
// twice as long for 64 x 384 floats (27 us to 14, AVX-512) and seven times for 64 x 1536 (377 us to 56); four elements at once gained
// nothing.
//
//===----------------------------------------------------------------------===//

#include "lowbit/PTQ/Hadamard.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Threading.h"
#include <cmath>
#include <random>

namespace mlir::lowbit {

Rotation::Rotation(int64_t size, int64_t block, uint64_t seed) : block(block), signs(size) {
  std::mt19937_64 random(seed); // whose numbers the standard fixes
  for (float &sign : signs)
    sign = random() & 1 ? -1.0f : 1.0f;
}

void Rotation::apply(MLIRContext *context, std::vector<float> &values, ArrayRef<int64_t> shape, int64_t axis) const {
  int64_t size = getSize(), inner = 1;
  for (int64_t dim : shape.drop_front(axis + 1))
    inner *= dim;
  double scale = 1 / std::sqrt(static_cast<double>(block));
  parallelFor(context, 0, values.size() / size, [&](size_t vector) {
    float *first = &values[vector / inner * inner * size + vector % inner];
    std::vector<double> row(size);
    for (int64_t k = 0; k < size; ++k)
      row[k] = static_cast<double>(first[k * inner]) * signs[k] * scale;
    for (int64_t half = 1; half < block; half *= 2)
      for (int64_t k = 0; k < size; ++k)
        if ((k & half) == 0) {
          double a = row[k], b = row[k + half];
          row[k] = a + b;
          row[k + half] = a - b;
        }
    for (int64_t k = 0; k < size; ++k)
      first[k * inner] = static_cast<float>(row[k]);
  });
}

Value Rotation::build(OpBuilder &builder, Location loc, Value x) const {
  for (int64_t half = 1; half < block; half *= 2)
    x = buildStage(builder, loc, x, half);
  return x;
}

/// The last axis of `x` as several of these sizes.
static Value buildSplit(OpBuilder &builder, Location loc, Value x, ArrayRef<int64_t> sizes, SmallVector<ReassociationIndices> &groups,
                        SmallVector<OpFoldResult> &mixed) {
  auto type = cast<RankedTensorType>(x.getType());
  SmallVector<int64_t> shape(type.getShape().drop_back());
  mixed = tensor::getMixedSizes(builder, loc, x);
  mixed.pop_back();
  for (int64_t dim = 0; dim < type.getRank() - 1; ++dim)
    groups.push_back({dim});
  ReassociationIndices &last = groups.emplace_back();
  for (int64_t size : sizes) {
    last.push_back(shape.size());
    shape.push_back(size);
    mixed.push_back(builder.getIndexAttr(size));
  }
  return tensor::ExpandShapeOp::create(builder, loc, type.clone(shape), x, groups, mixed);
}

/// A constant of f32.
static Value buildConstant(OpBuilder &builder, Location loc, ArrayRef<int64_t> shape, ArrayRef<float> values) {
  auto type = RankedTensorType::get(shape, builder.getF32Type());
  return arith::ConstantOp::create(builder, loc, DenseElementsAttr::get(type, values));
}

Value Rotation::buildStage(OpBuilder &builder, Location loc, Value x, int64_t half) const {
  auto type = cast<RankedTensorType>(x.getType());
  unsigned numRows = type.getRank() - 1;
  int64_t pairs = getSize() / (2 * half);
  SmallVector<ReassociationIndices> groups;
  SmallVector<OpFoldResult> sizes;
  Value split = buildSplit(builder, loc, x, {pairs, 2, half}, groups, sizes);
  auto splitType = cast<RankedTensorType>(split.getType());
  SmallVector<OpFoldResult> offsets(sizes.size(), builder.getIndexAttr(0)), strides(sizes.size(), builder.getIndexAttr(1)), part = sizes;
  part[numRows + 1] = builder.getIndexAttr(1);
  SmallVector<int64_t> partShape(splitType.getShape());
  partShape.erase(partShape.end() - 2);
  auto slice = [&](int64_t index) -> Value {
    offsets[numRows + 1] = builder.getIndexAttr(index);
    return tensor::ExtractSliceOp::create(builder, loc, RankedTensorType::get(partShape, type.getElementType()), split, offsets, part,
                                          strides);
  };
  Value low = slice(0), high = slice(1), init = tensor::EmptyOp::create(builder, loc, sizes, type.getElementType());

  MLIRContext *context = builder.getContext();
  unsigned rank = splitType.getRank();
  AffineMap all = builder.getMultiDimIdentityMap(rank), ofPart = all.dropResult(numRows + 1);
  SmallVector<utils::IteratorType> parallel(rank, utils::IteratorType::parallel);
  SmallVector<Value> inputs{low, high};
  SmallVector<AffineMap> maps{ofPart, ofPart};
  bool isFirst = half == 1;
  if (isFirst) {
    // The signs of the inputs and the norm are factors of the first sums.
    auto scale = static_cast<float>(1 / std::sqrt(static_cast<double>(block)));
    std::vector<float> ofLow, ofHigh;
    for (int64_t k = 0; k < getSize(); k += 2)
      for (float side : {1.0f, -1.0f}) {
        ofLow.push_back(signs[k] * scale);
        ofHigh.push_back(signs[k + 1] * scale * side);
      }
    AffineMap ofChannel = all.getSliceMap(numRows, 3);
    inputs.push_back(buildConstant(builder, loc, {pairs, 2, half}, ofLow));
    inputs.push_back(buildConstant(builder, loc, {pairs, 2, half}, ofHigh));
    maps.append({ofChannel, ofChannel});
  } else {
    inputs.push_back(buildConstant(builder, loc, {2}, {1.0f, -1.0f}));
    maps.push_back(AffineMap::get(rank, 0, builder.getAffineDimExpr(numRows + 1), context));
  }
  maps.push_back(all);
  auto body = [&](OpBuilder &b, Location l, ValueRange arguments) {
    Value left = isFirst ? arith::MulFOp::create(b, l, arguments[0], arguments[2]).getResult() : arguments[0];
    Value right = arith::MulFOp::create(b, l, arguments[1], arguments[isFirst ? 3 : 2]);
    linalg::YieldOp::create(b, l, arith::AddFOp::create(b, l, left, right).getResult());
  };
  Value sums = linalg::GenericOp::create(builder, loc, splitType, inputs, init, maps, parallel, body).getResult(0);
  return tensor::CollapseShapeOp::create(builder, loc, type, sums, groups);
}

} // namespace mlir::lowbit
