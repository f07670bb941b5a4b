//===- PackedBits.cpp - operands of a matmul of bits ----------------------===//
// Law: bit i of word j is code j * 32 + i of a row or column; what is padded is zero on both sides, so that it differs nowhere.

#include "PackedMatmul.h"
#include "lowbit/Packings/HostPacking.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

namespace mlir::lowbit {

/// What `codes` are unpacked from, where its bytes, one after the other, are their words: codes lie in order, and fill whole words.
static Value getBytesOfWords(Value codes, NumberFormatAttrInterface format) {
  auto unpack = codes.getDefiningOp<UnpackOp>();
  if (!unpack)
    return {};
  ArrayRef<int64_t> shape = cast<RankedTensorType>(codes.getType()).getShape();
  MLIRContext *context = codes.getContext();
  SmallVector<AffineExpr> inOrder;
  for (int64_t axis = 0, rank = shape.size(); axis < rank; ++axis)
    inOrder.push_back(getAffineDimExpr(axis, context));
  AffineExpr last = inOrder.pop_back_val();
  inOrder.append({last.floorDiv(8), last % 8});
  bool isInOrder = unpack.getPacking().getPlaceMap(shape, format.getWidth()) == AffineMap::get(shape.size(), 0, inOrder, context);
  return isInOrder && shape.back() % MatmulForm::bitsPerWord == 0 ? unpack.getPacked() : Value();
}

/// Four bytes a word, the first lowest.
static Value buildWords(OpBuilder &builder, Location loc, Value bytes) {
  auto type = cast<RankedTensorType>(bytes.getType());
  constexpr int64_t perWord = MatmulForm::bitsPerWord / 8;
  int64_t rank = type.getRank();
  SmallVector<int64_t> shape(type.getShape());
  shape.back() /= perWord;
  auto wordsType = RankedTensorType::get(shape, builder.getI32Type());
  shape.push_back(perWord);
  SmallVector<ReassociationIndices> groups;
  for (int64_t axis = 0; axis < rank; ++axis)
    groups.push_back({axis});
  groups.back().push_back(rank);
  Value split = tensor::ExpandShapeOp::create(builder, loc, type.clone(shape), bytes, groups);
  Value zero = arith::ConstantOp::create(builder, loc, builder.getI32IntegerAttr(0));
  Value empty = tensor::EmptyOp::create(builder, loc, wordsType.getShape(), wordsType.getElementType());
  Value zeros = linalg::FillOp::create(builder, loc, zero, empty).getResult(0);
  AffineMap identity = builder.getMultiDimIdentityMap(rank + 1);
  SmallVector<utils::IteratorType> iterators(rank, utils::IteratorType::parallel);
  iterators.push_back(utils::IteratorType::reduction);
  auto words =
      linalg::GenericOp::create(builder, loc, wordsType, split, zeros, ArrayRef{identity, identity.getMajorSubMap(rank)}, iterators,
                                [&](OpBuilder &b, Location at, ValueRange elements) {
                                  Value byte = arith::ExtUIOp::create(b, at, b.getI32Type(), elements[0]);
                                  Value place = arith::IndexCastOp::create(b, at, b.getI32Type(), linalg::IndexOp::create(b, at, rank));
                                  place = arith::MulIOp::create(b, at, place, arith::ConstantOp::create(b, at, b.getI32IntegerAttr(8)));
                                  Value placed = arith::ShLIOp::create(b, at, byte, place);
                                  linalg::YieldOp::create(b, at, arith::OrIOp::create(b, at, placed, elements[1]).getResult());
                                });
  return words.getResult(0);
}

/// The left codes in words along the reduction, which is their last axis.
PackedMatmul::Operand PackedMatmul::prepareLhsBits() {
  Value codes = op.getLhs();
  auto type = cast<RankedTensorType>(codes.getType());
  if (Value bytes = getBytesOfWords(codes, op.getLhsScheme()->getFormat()))
    return expandLikeResult(splitAxes({buildWords(rewriter, loc, bytes), op.getLhsMap()}));
  SmallVector<int64_t> shape{1};
  llvm::append_range(shape, type.getShape().drop_back());
  shape.push_back(form.getNumWords());
  auto planesType = RankedTensorType::get(shape, rewriter.getI32Type());
  Value planes = rewriter.createOrFold<ToBitsOp>(loc, planesType, codes, op.getLhsScheme()->getFormat());
  // The format has one plane.
  SmallVector<ReassociationIndices> groups{{0, 1}};
  for (int64_t axis = 2; axis <= type.getRank(); ++axis)
    groups.push_back({axis});
  auto wordsType = RankedTensorType::get(ArrayRef(shape).drop_front(), rewriter.getI32Type());
  Value words = tensor::CollapseShapeOp::create(rewriter, loc, wordsType, planes, groups);
  return expandLikeResult(splitAxes({words, op.getLhsMap()}));
}

/// The right codes, which are constant, in panels: for each word of the reduction that of every column of the tile.
PackedMatmul::Operand PackedMatmul::prepareRhsBits() {
  AffineMap map = op.getRhsMap();
  bool isTransposed = map.getDimPosition(1) == form.k;
  const Split &n = splits[form.n];
  std::vector<char> codes = *readCodes(op.getRhs());
  bool isSplat = codes.size() == 1;
  int64_t words = form.getNumWords(), columns = tile.columns;
  std::vector<uint32_t> panels(n.getPadded() * words, 0);
  for (int64_t column = 0; column < n.size; ++column)
    for (int64_t k = 0; k < form.depth; ++k) {
      int64_t from = isTransposed ? column * form.depth + k : k * n.size + column, word = k / MatmulForm::bitsPerWord;
      uint32_t bit = static_cast<uint32_t>(codes[isSplat ? 0 : from]) & 1;
      panels[(column / columns * words + word) * columns + column % columns] |= bit << (k % MatmulForm::bitsPerWord);
    }
  auto type = RankedTensorType::get({n.sizes[0], words, columns}, rewriter.getI32Type());
  ArrayRef<char> bytes(reinterpret_cast<const char *>(panels.data()), panels.size() * sizeof(uint32_t));
  Value constant = arith::ConstantOp::create(rewriter, loc, makeResource(type, "bits", bytes));
  SmallVector<AffineExpr> exprs;
  for (unsigned loop : {n.first, reduction.group, n.first + 1})
    exprs.push_back(rewriter.getAffineDimExpr(loop));
  return expandLikeResult({constant, makeMap(exprs)});
}

} // namespace mlir::lowbit
