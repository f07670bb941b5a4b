//===- PackedBits.cpp - operands of a matmul of bits ----------------------===//
// Law: bit i of word j is code j * 32 + i of a row or column; what is padded is zero on both sides, so that it differs nowhere.

#include "PackedMatmul.h"
#include "lowbit/Packings/HostPacking.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

namespace mlir::lowbit {

/// The left codes in words along the reduction, which is their last axis.
PackedMatmul::Operand PackedMatmul::prepareLhsBits() {
  Value codes = op.getLhs();
  auto type = cast<RankedTensorType>(codes.getType());
  SmallVector<int64_t> shape{1};
  llvm::append_range(shape, type.getShape().drop_back());
  shape.push_back(form.getNumWords());
  auto planesType = RankedTensorType::get(shape, rewriter.getI32Type());
  Value planes = ToBitsOp::create(rewriter, loc, planesType, codes, op.getLhsScheme()->getFormat());
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
