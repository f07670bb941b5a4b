//===- LowerReferenceBits.cpp - codes to bit planes and back --------------===//
//
// Law: bit i of word j of plane p is bit p of code (j * bits of a word + i).
//
//===----------------------------------------------------------------------===//

#include "ScaleArithmetic.h"
#include "lowbit/Conversion/LowerReference.h"
#include "lowbit/Formats/Build.h"
#include "mlir/IR/PatternMatch.h"
#include "llvm/Support/MathExtras.h"

namespace mlir::lowbit {
namespace {

/// The bits of a storage element as an integer of `width` bits, zeros above.
Value buildRawBits(OpBuilder &b, Location loc, Value code, unsigned width) {
  unsigned storage = code.getType().getIntOrFloatBitWidth();
  if (!code.getType().isInteger())
    code = arith::BitcastOp::create(b, loc, b.getIntegerType(storage), code);
  return buildResize(b, loc, code, width, /*isSigned=*/false);
}

Value buildFromRawBits(OpBuilder &b, Location loc, Value bits, Type storage) {
  Value narrow = buildResize(b, loc, bits, storage.getIntOrFloatBitWidth(), /*isSigned=*/false);
  return storage.isInteger() ? narrow : arith::BitcastOp::create(b, loc, storage, narrow).getResult();
}

/// `tensor` through one elementwise generic.
Value buildMapped(OpBuilder &b, Location loc, Value tensor, Type elementType, function_ref<Value(OpBuilder &, Location, Value)> body) {
  AffineMap identity = b.getMultiDimIdentityMap(cast<RankedTensorType>(tensor.getType()).getRank());
  return buildGeneric(b, loc, tensor, buildEmptyLike(b, loc, tensor, elementType), {identity, identity},
                      [&](OpBuilder &nested, Location nestedLoc, ValueRange elements) { return body(nested, nestedLoc, elements[0]); });
}

Value buildIndexAs(OpBuilder &b, Location loc, unsigned loop, Type type) {
  return arith::IndexCastOp::create(b, loc, type, linalg::IndexOp::create(b, loc, loop));
}

/// The last axis, of size words * `wordBits`, as two; the others stay.
SmallVector<ReassociationIndices> getLastAxisGroups(int64_t rank) {
  SmallVector<ReassociationIndices> groups;
  for (int64_t axis = 0; axis < rank; ++axis)
    groups.push_back({axis});
  groups.back().push_back(rank);
  return groups;
}

struct LowerToBits final : OpRewritePattern<ToBitsOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(ToBitsOp op, PatternRewriter &rewriter) const override {
    Location loc = op.getLoc();
    auto word = cast<IntegerType>(op.getType().getElementType());
    int64_t wordBits = word.getWidth(), rank = getShape(op.getCodes()).size();
    unsigned rawBits = op.getFormat().getWidth() <= 8 ? 8 : 16;
    Type rawType = rewriter.getIntegerType(rawBits);
    Value bits = buildMapped(rewriter, loc, op.getCodes(), rawType,
                             [&](OpBuilder &b, Location nested, Value code) { return buildRawBits(b, nested, code, rawBits); });
    Value filled = buildFilled(rewriter, loc, bits, wordBits);
    SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(rewriter, loc, filled);
    OpFoldResult words = tensor::getMixedSize(rewriter, loc, op.getCodes(), rank - 1);
    words = buildWordCount(rewriter, loc, words, wordBits);
    sizes.back() = words;
    sizes.push_back(rewriter.getIndexAttr(wordBits));
    SmallVector<int64_t> shape;
    SmallVector<Value> dynamicSizes;
    dispatchIndexOpFoldResults(sizes, dynamicSizes, shape);
    Value split =
        tensor::ExpandShapeOp::create(rewriter, loc, RankedTensorType::get(shape, rawType), filled, getLastAxisGroups(rank), sizes);
    Value planes = op.getFormat().getWidth() == 1 ? buildPlane(rewriter, loc, split, word) : buildPlanes(rewriter, op, split, word);
    rewriter.replaceOp(op, castToShape(rewriter, loc, planes, op.getType().getShape()));
    return success();
  }

private:
  static OpFoldResult buildWordCount(OpBuilder &b, Location loc, OpFoldResult codes, int64_t wordBits) {
    if (std::optional<int64_t> known = getConstantIntValue(codes))
      return b.getIndexAttr(llvm::divideCeil(*known, wordBits));
    Value divisor = arith::ConstantIndexOp::create(b, loc, wordBits);
    return arith::CeilDivUIOp::create(b, loc, cast<Value>(codes), divisor).getResult();
  }

  /// `bits` with zeros after it, so that the last axis is whole words.
  static Value buildFilled(OpBuilder &b, Location loc, Value bits, int64_t wordBits) {
    auto type = cast<RankedTensorType>(bits.getType());
    int64_t last = type.getShape().back();
    if (!ShapedType::isDynamic(last) && last % wordBits == 0)
      return bits;
    SmallVector<OpFoldResult> low(type.getRank(), b.getIndexAttr(0)), high(low);
    SmallVector<int64_t> shape(type.getShape());
    if (ShapedType::isDynamic(last)) {
      Value size = tensor::DimOp::create(b, loc, bits, type.getRank() - 1);
      Value divisor = arith::ConstantIndexOp::create(b, loc, wordBits);
      Value whole = arith::MulIOp::create(b, loc, arith::CeilDivUIOp::create(b, loc, size, divisor), divisor);
      high.back() = arith::SubIOp::create(b, loc, whole, size).getResult();
    } else {
      shape.back() = llvm::alignTo(last, wordBits);
      high.back() = b.getIndexAttr(shape.back() - last);
    }
    Value zero = arith::ConstantOp::create(b, loc, b.getZeroAttr(type.getElementType()));
    return tensor::PadOp::create(b, loc, type.clone(shape), bits, low, high, zero);
  }

  /// The only plane: without a loop over planes, what makes the codes can be fused with the loop over the bits of a word.
  static Value buildPlane(OpBuilder &builder, Location loc, Value split, IntegerType word) {
    SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(builder, loc, split);
    sizes.pop_back();
    unsigned numLoops = sizes.size() + 1;
    AffineMap identity = builder.getMultiDimIdentityMap(numLoops);
    Value words =
        buildGeneric(builder, loc, split, buildZeros(builder, loc, sizes, word), {identity, identity.getMajorSubMap(numLoops - 1)},
                     [&](OpBuilder &b, Location nested, ValueRange elements) -> Value {
                       Value bit = buildResize(b, nested, buildResize(b, nested, elements[0], 1, false), word.getWidth(), false);
                       Value placed = arith::ShLIOp::create(b, nested, bit, buildIndexAs(b, nested, numLoops - 1, word));
                       return arith::OrIOp::create(b, nested, placed, elements[1]);
                     });
    SmallVector<ReassociationIndices> groups{{0, 1}};
    for (int64_t axis = 2, rank = sizes.size(); axis <= rank; ++axis)
      groups.push_back({axis});
    sizes.insert(sizes.begin(), builder.getIndexAttr(1));
    SmallVector<int64_t> shape;
    SmallVector<Value> dynamicSizes;
    dispatchIndexOpFoldResults(sizes, dynamicSizes, shape);
    return tensor::ExpandShapeOp::create(builder, loc, RankedTensorType::get(shape, word), words, groups, sizes);
  }

  static Value buildZeros(OpBuilder &b, Location loc, ArrayRef<OpFoldResult> sizes, IntegerType word) {
    Value zero = arith::ConstantOp::create(b, loc, b.getZeroAttr(word));
    return linalg::FillOp::create(b, loc, zero, tensor::EmptyOp::create(b, loc, sizes, word).getResult()).getResult(0);
  }

  /// The loops are those of the planes, then the bits of a word.
  static Value buildPlanes(OpBuilder &builder, ToBitsOp op, Value split, IntegerType word) {
    Location loc = op.getLoc();
    SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(builder, loc, split);
    sizes.pop_back();
    sizes.insert(sizes.begin(), builder.getIndexAttr(op.getFormat().getWidth()));
    unsigned numLoops = sizes.size() + 1;
    Value init = buildZeros(builder, loc, sizes, word);
    AffineMap identity = builder.getMultiDimIdentityMap(numLoops);
    return buildGeneric(builder, loc, split, init, {identity.getMinorSubMap(numLoops - 1), identity.getMajorSubMap(numLoops - 1)},
                        [&](OpBuilder &b, Location nested, ValueRange elements) -> Value {
                          auto raw = cast<IntegerType>(elements[0].getType());
                          Value bit = arith::ShRUIOp::create(b, nested, elements[0], buildIndexAs(b, nested, 0, raw));
                          bit = arith::AndIOp::create(b, nested, bit, buildIntegerLike(b, nested, 1, raw.getWidth(), bit));
                          Value placed = buildResize(b, nested, bit, word.getWidth(), /*isSigned=*/false);
                          placed = arith::ShLIOp::create(b, nested, placed, buildIndexAs(b, nested, numLoops - 1, word));
                          return arith::OrIOp::create(b, nested, placed, elements[1]);
                        });
  }
};

struct LowerFromBits final : OpRewritePattern<FromBitsOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(FromBitsOp op, PatternRewriter &rewriter) const override {
    Location loc = op.getLoc();
    auto codesType = cast<RankedTensorType>(op.getType());
    int64_t rank = codesType.getRank(), last = codesType.getShape().back();
    if (ShapedType::isDynamic(last))
      return rewriter.notifyMatchFailure(op, "the last axis is dynamic, and planes do not tell its size");
    Value split = buildCodes(rewriter, op);
    Value filled = tensor::CollapseShapeOp::create(rewriter, loc, split, getLastAxisGroups(rank));
    SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(rewriter, loc, filled);
    SmallVector<OpFoldResult> offsets(rank, rewriter.getIndexAttr(0)), strides(rank, rewriter.getIndexAttr(1));
    sizes.back() = rewriter.getIndexAttr(last);
    Value bits = rewriter.createOrFold<tensor::ExtractSliceOp>(loc, filled, offsets, sizes, strides);
    Type storage = op.getFormat().getStorageType();
    Value codes = buildMapped(rewriter, loc, bits, storage,
                              [&](OpBuilder &b, Location nested, Value element) { return buildFromRawBits(b, nested, element, storage); });
    rewriter.replaceOp(op, castToShape(rewriter, loc, codes, codesType.getShape()));
    return success();
  }

private:
  /// Raw bits of codes as i16, the last axis in words; the loops are (axes…, word, bit of the word, plane).
  static Value buildCodes(OpBuilder &builder, FromBitsOp op) {
    Location loc = op.getLoc();
    auto word = cast<IntegerType>(getElementTypeOrSelf(op.getPlanes().getType()));
    SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(builder, loc, op.getPlanes());
    sizes.erase(sizes.begin());
    unsigned numWords = sizes.size(), numLoops = numWords + 2;
    sizes.push_back(builder.getIndexAttr(word.getWidth()));
    Type i16 = builder.getI16Type();
    Value zero = arith::ConstantOp::create(builder, loc, builder.getZeroAttr(i16));
    Value init = linalg::FillOp::create(builder, loc, zero, tensor::EmptyOp::create(builder, loc, sizes, i16).getResult()).getResult(0);
    SmallVector<unsigned> planes{numLoops - 1};
    llvm::append_range(planes, llvm::seq<unsigned>(0, numWords));
    AffineMap identity = builder.getMultiDimIdentityMap(numLoops);
    return buildGeneric(builder, loc, op.getPlanes(), init, {identity.getSubMap(planes), identity.getMajorSubMap(numLoops - 1)},
                        [&](OpBuilder &b, Location nested, ValueRange elements) -> Value {
                          Value bit = arith::ShRUIOp::create(b, nested, elements[0], buildIndexAs(b, nested, numLoops - 2, word));
                          bit = arith::AndIOp::create(b, nested, bit, buildIntegerLike(b, nested, 1, word.getWidth(), bit));
                          bit = buildResize(b, nested, bit, 16, /*isSigned=*/false);
                          Value placed = arith::ShLIOp::create(b, nested, bit, buildIndexAs(b, nested, numLoops - 1, i16));
                          return arith::OrIOp::create(b, nested, placed, elements[1]);
                        });
  }
};

} // namespace

void populateLowerBitsPatterns(RewritePatternSet &patterns) { patterns.add<LowerToBits, LowerFromBits>(patterns.getContext()); }

} // namespace mlir::lowbit
