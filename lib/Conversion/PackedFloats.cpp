//===- PackedFloats.cpp - a matmul of floats over split axes --------------===//
// Law: products are exact or rounded once, and each sum is f32; the order of a sum is the target's.

#include "PackedMatmul.h"
#include "lowbit/Formats/Build.h"
#include "lowbit/Packings/HostPacking.h"
#include "lowbit/Transforms/Constants.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Matchers.h"

namespace mlir::lowbit {

/// The left side in the type of the products, with the reduction last.
PackedMatmul::Operand PackedMatmul::prepareLhsFloats() {
  auto type = cast<RankedTensorType>(op.getLhs().getType());
  unsigned last = *op.getLhsMap().getResultPosition(rewriter.getAffineDimExpr(form.k));
  if (type.getElementType() == form.element && last == type.getRank() - 1)
    return {op.getLhs(), op.getLhsMap()};
  Value prepared = buildWithLast(op.getLhs(), last, form.element, [&](OpBuilder &b, Location at, ValueRange elements) {
    Value real = elements[0];
    if (SchemeAttr scheme = op.getLhsSchemeAttr())
      real = scheme.getFormat().buildDecode(b, at, real);
    return real.getType() == form.element ? real : buildFromF32(b, at, buildAsF32(b, at, real), form.element);
  });
  return {prepared, getLhsMapReductionLast()};
}

/// The right side, in panels where it is constant or where columns are not next to one another.
PackedMatmul::Operand PackedMatmul::prepareRhsFloats() {
  SmallVector<AffineExpr> exprs = getRhsLoops();
  if (packing)
    return readPackedCodes(exprs);
  rhs = {op.getRhs(), op.getRhsMap()};
  if (std::optional<Operand> constant = packConstantFloats(exprs))
    return *constant;
  AffineMap map = op.getRhsMap();
  bool isPlain = !reduction.depth && map.getDimPosition(map.getNumResults() - 1) == form.n;
  return isPlain ? splitAxes(rhs) : transposeRhs(exprs);
}

/// Packed bytes; where a group is one code of a column, without the axis for its depth.
PackedMatmul::Operand PackedMatmul::readPackedCodes(ArrayRef<AffineExpr> exprs) {
  unsigned rank = exprs.size() + (reduction.depth ? 0 : 1);
  Value packed = splitGroups(getUnpack().getPacked());
  if (reduction.depth)
    return {packed, makeMap(exprs)};
  auto type = cast<RankedTensorType>(packed.getType());
  SmallVector<ReassociationIndices> groups;
  for (unsigned axis = 0; axis + 1 < rank; ++axis)
    groups.push_back({axis});
  groups.back().push_back(rank - 1);
  return {tensor::CollapseShapeOp::create(rewriter, loc, type.clone(type.getShape().drop_back()), packed, groups), makeMap(exprs)};
}

/// A constant in panels, as `exprs` says; none when its elements are not known.
std::optional<PackedMatmul::Operand> PackedMatmul::packConstantFloats(ArrayRef<AffineExpr> exprs) {
  ElementsAttr constant;
  auto type = cast<RankedTensorType>(op.getRhs().getType());
  if (!matchPattern(op.getRhs(), m_Constant(&constant)))
    return std::nullopt;
  int64_t width = type.getElementTypeBitWidth() / 8;
  std::optional<ArrayRef<char>> bytes = getConstantBytes(constant);
  if (!bytes || static_cast<int64_t>(bytes->size()) != type.getNumElements() * width)
    return std::nullopt;

  // How far one step of each packed loop moves in the packed constant.
  SmallVector<int64_t> shape(exprs.size()), packedStrides(numLoops, 0);
  for (const Split &split : splits)
    for (auto [part, size] : llvm::enumerate(split.sizes))
      for (auto [axis, expr] : llvm::enumerate(exprs))
        if (cast<AffineDimExpr>(expr).getPosition() == split.first + part)
          shape[axis] = size;
  int64_t numElements = 1;
  for (int64_t axis = exprs.size() - 1; axis >= 0; --axis) {
    packedStrides[cast<AffineDimExpr>(exprs[axis]).getPosition()] = numElements;
    numElements *= shape[axis];
  }
  std::vector<char> packed(numElements * width, 0);
  SmallVector<int64_t> index(type.getRank(), 0);
  for (int64_t from = 0; from < type.getNumElements(); ++from) {
    int64_t to = 0;
    for (auto [axis, expr] : llvm::enumerate(op.getRhsMap().getResults())) {
      const Split &split = splits[cast<AffineDimExpr>(expr).getPosition()];
      int64_t rest = index[axis];
      for (int64_t part = split.sizes.size() - 1; part >= 0; --part) {
        to += rest % split.sizes[part] * packedStrides[split.first + part];
        rest /= split.sizes[part];
      }
    }
    std::copy_n(bytes->begin() + from * width, width, packed.begin() + to * width);
    for (int64_t axis = type.getRank() - 1; axis >= 0 && ++index[axis] == type.getDimSize(axis); --axis)
      index[axis] = 0;
  }
  std::string name = (getResourceKey(constant, "weights") + ".packed").str();
  auto packedType = RankedTensorType::get(shape, type.getElementType());
  return Operand{arith::ConstantOp::create(rewriter, loc, makeResource(packedType, name, packed)), makeMap(exprs)};
}

/// Zero, or what zero points that are not decoded with their codes take from a sum: each as often as the sum of the row.
void PackedMatmul::buildFloatStart() {
  SmallVector<utils::IteratorType> blocks(form.block != 0 ? 1 : 0, utils::IteratorType::parallel);
  SmallVector<Operand> inputs;
  if (Value zeros = op.getRhsZeros(); zeros && !getSplatZero()) {
    inputs.push_back(getScaleLike(zeros, op.getRhsMap(), op.getRhsSchemeAttr()));
    inputs.push_back(splitLikeResult(sumAlongReduction(lhs, /*isSigned=*/true, /*factor=*/1)));
  }
  bool isSigned = op.getRhsScheme() && op.getRhsScheme()->getFormat().isSigned();
  auto body = [&](OpBuilder &b, Location at, ValueRange elements) -> Value {
    if (inputs.empty())
      return arith::ConstantOp::create(b, at, b.getF32FloatAttr(0));
    Value zero = buildZeroAsF32(b, at, elements[0], isSigned);
    return arith::NegFOp::create(b, at, arith::MulFOp::create(b, at, zero, elements[1]));
  };
  start = buildGeneric(inputs, buildEmpty(rewriter.getF32Type(), form.block != 0), blocks, body);
}

void PackedMatmul::buildFloatDots() {
  Operand sums{start.getResult(0), rewriter.getMultiDimIdentityMap(numParallel + (reduction.block ? 1 : 0))};
  SmallVector<utils::IteratorType> iterators(numLoops - numParallel, utils::IteratorType::reduction);
  if (reduction.block)
    iterators.front() = utils::IteratorType::parallel;
  dots = buildGeneric({packedLhs, packedRhs}, sums, iterators, [&](OpBuilder &b, Location at, ValueRange elements) -> Value {
    Value left = buildAsF32(b, at, elements[0]), right = elements[1];
    if (SchemeAttr scheme = op.getRhsSchemeAttr())
      right = DecodeOp::create(b, at, form.element, right, scheme.getFormat(), getSplatZero().value_or(0));
    right = buildAsF32(b, at, right);
    if (!reduction.depth)
      return math::FmaOp::create(b, at, left, right, elements[2]);
    auto flags = arith::FastMathFlagsAttr::get(b.getContext(), arith::FastMathFlags::contract | arith::FastMathFlags::reassoc);
    Value product = arith::MulFOp::create(b, at, left, right, flags);
    return arith::AddFOp::create(b, at, elements[2], product, flags);
  });
}

void PackedMatmul::buildFloats() {
  lhs = prepareLhsFloats();
  packedLhs = splitAxes(lhs);
  packedRhs = prepareRhsFloats();
  if (!reduction.depth) {
    // What is multiplied lane by lane is read as a lane is: axes of one tell which element all of them share.
    packedLhs = expandLikeResult(packedLhs);
    packedRhs = expandLikeResult(packedRhs);
  }
  buildFloatStart();
  buildFloatDots();
  if (form.block != 0)
    buildBlockSum();
}

} // namespace mlir::lowbit
