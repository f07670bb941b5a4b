//===- Build.cpp - what losses are made of --------------------------------===//

#include "lowbit/Losses/Build.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include <limits>

namespace mlir::lowbit {

Value buildZeros(OpBuilder &builder, Location loc, ArrayRef<int64_t> shape) {
  Value zero = arith::ConstantOp::create(builder, loc, builder.getF32FloatAttr(0));
  Value empty = tensor::EmptyOp::create(builder, loc, shape, builder.getF32Type());
  return linalg::FillOp::create(builder, loc, zero, empty).getResult(0);
}

Value buildSumOf(OpBuilder &builder, Location loc, ValueRange inputs, unsigned axes, ElementFn element) {
  ArrayRef<int64_t> shape = cast<RankedTensorType>(inputs[0].getType()).getShape();
  unsigned rank = shape.size(), kept = rank - axes;
  AffineMap identity = builder.getMultiDimIdentityMap(rank);
  SmallVector<AffineMap> maps;
  auto getMap = [&](unsigned count) { return AffineMap::get(rank, 0, identity.getResults().take_front(count), builder.getContext()); };
  for (Value input : inputs)
    maps.push_back(getMap(cast<RankedTensorType>(input.getType()).getRank()));
  maps.push_back(getMap(kept));
  SmallVector<utils::IteratorType> iterators(rank, utils::IteratorType::parallel);
  std::fill(iterators.begin() + kept, iterators.end(), utils::IteratorType::reduction);
  Value zeros = buildZeros(builder, loc, shape.take_front(kept));
  return linalg::GenericOp::create(builder, loc, zeros.getType(), inputs, zeros, maps, iterators,
                                   [&](OpBuilder &b, Location nested, ValueRange args) {
                                     Value value = element(b, nested, args.drop_back());
                                     linalg::YieldOp::create(b, nested, arith::AddFOp::create(b, nested, args.back(), value).getResult());
                                   })
      .getResult(0);
}

Value buildMap(OpBuilder &builder, Location loc, ValueRange inputs, ElementFn element) {
  auto type = cast<RankedTensorType>(inputs[0].getType());
  AffineMap identity = builder.getMultiDimIdentityMap(type.getRank());
  SmallVector<AffineMap> maps(inputs.size() + 1, identity);
  SmallVector<utils::IteratorType> iterators(type.getRank(), utils::IteratorType::parallel);
  Value empty = tensor::EmptyOp::create(builder, loc, type.getShape(), builder.getF32Type());
  return linalg::GenericOp::create(builder, loc, empty.getType(), inputs, empty, maps, iterators,
                                   [&](OpBuilder &b, Location nested, ValueRange args) {
                                     linalg::YieldOp::create(b, nested, element(b, nested, args.drop_back()));
                                   })
      .getResult(0);
}

Value buildMean(OpBuilder &builder, Location loc, Value value) {
  auto type = cast<RankedTensorType>(value.getType());
  double share = 1.0 / static_cast<double>(type.getNumElements());
  return buildSumOf(builder, loc, value, type.getRank(), [&](OpBuilder &b, Location nested, ValueRange args) -> Value {
    return arith::MulFOp::create(b, nested, args[0], arith::ConstantOp::create(b, nested, b.getF32FloatAttr(static_cast<float>(share))));
  });
}

Value buildLargest(OpBuilder &builder, Location loc, Value value) {
  auto type = cast<RankedTensorType>(value.getType());
  Value lowest = arith::ConstantOp::create(builder, loc, builder.getF32FloatAttr(-std::numeric_limits<float>::infinity()));
  Value empty = tensor::EmptyOp::create(builder, loc, type.getShape().drop_back(), type.getElementType());
  Value init = linalg::FillOp::create(builder, loc, lowest, empty).getResult(0);
  auto largest =
      linalg::ReduceOp::create(builder, loc, value, init, type.getRank() - 1, [](OpBuilder &b, Location nested, ValueRange args) {
        linalg::YieldOp::create(b, nested, arith::MaximumFOp::create(b, nested, args[0], args[1]).getResult());
      });
  largest->setAttr(kDetachedAttr, builder.getUnitAttr());
  return largest.getResult(0);
}

} // namespace mlir::lowbit
