//===- LowerReferencePack.cpp - codes to packed bytes and back ------------===//
//
// Law: the packing's map is evaluated for every code, one at a time, and a code is a digit of its byte.
//
//===----------------------------------------------------------------------===//

#include "ScaleArithmetic.h"
#include "lowbit/Conversion/LowerReference.h"
#include "lowbit/Packings/HostPacking.h"
#include "lowbit/Targets/DotProductPattern.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/PatternMatch.h"
#include "llvm/Support/MathExtras.h"

namespace mlir::lowbit {
namespace {

/// The byte where a packing puts the code at an index, and what the code is multiplied by there.
class Place {
public:
  Place(OpBuilder &b, Location loc, PackingAttrInterface packing, ArrayRef<int64_t> shape, unsigned width, ValueRange index)
      : b(b), loc(loc), base(packing.getBase(width)) {
    AffineMap map = packing.getPlaceMap(shape, width);
    for (unsigned i = 0; i < map.getNumResults(); ++i)
      byte.push_back(affine::AffineApplyOp::create(b, loc, map.getSubMap({i}), index));
    buildWeight(byte.pop_back_val());
  }

  /// `code`, an i8, where it lies in its byte.
  Value buildScaled(Value code) {
    if (llvm::isPowerOf2_64(base))
      return arith::ShLIOp::create(b, loc, code, weight);
    return arith::MulIOp::create(b, loc, arith::MinUIOp::create(b, loc, code, constant(base - 1)), weight);
  }

  /// The code that lies there in `number`, with what is above it where codes are fields of bits.
  Value buildDigit(Value number) {
    if (llvm::isPowerOf2_64(base))
      return arith::ShRUIOp::create(b, loc, number, weight);
    Value largest = constant(getDigitWeight(base, getDigitsPerByte(base)) - 1);
    number = arith::DivUIOp::create(b, loc, arith::MinUIOp::create(b, loc, number, largest), weight);
    return arith::RemUIOp::create(b, loc, number, constant(base));
  }

  SmallVector<Value> byte;

private:
  Value constant(int64_t value) { return arith::ConstantOp::create(b, loc, b.getI8IntegerAttr(static_cast<int8_t>(value))); }

  /// Of the digit at `place`: as a number of bits where it is a power of two.
  void buildWeight(Value place) {
    if (llvm::isPowerOf2_64(base)) {
      Value code = arith::IndexCastOp::create(b, loc, b.getI8Type(), place);
      weight = arith::MulIOp::create(b, loc, code, constant(llvm::Log2_64(base)));
      return;
    }
    SmallVector<int8_t> weights;
    for (int64_t i = 0; i < getDigitsPerByte(base); ++i)
      weights.push_back(static_cast<int8_t>(getDigitWeight(base, i)));
    auto type = RankedTensorType::get(weights.size(), b.getI8Type());
    Value table = arith::ConstantOp::create(b, loc, DenseElementsAttr::get(type, ArrayRef(weights)));
    weight = tensor::ExtractOp::create(b, loc, table, place);
  }

  OpBuilder &b;
  Location loc;
  int64_t base;
  Value weight;
};

struct LowerDecode final : OpRewritePattern<DecodeOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(DecodeOp op, PatternRewriter &rewriter) const override {
    if (isa<VectorType>(op.getType()))
      return rewriter.notifyMatchFailure(op, "vectors are left to the target");
    rewriter.replaceOp(op, buildDecodeArithmetic(rewriter, op));
    return success();
  }
};

struct LowerPack final : OpRewritePattern<PackOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(PackOp op, PatternRewriter &rewriter) const override {
    Location loc = op.getLoc();
    ArrayRef<int64_t> shape = getShape(op.getCodes());
    Value zero = arith::ConstantOp::create(rewriter, loc, rewriter.getI8IntegerAttr(0));
    Value empty = tensor::EmptyOp::create(rewriter, loc, op.getType().getShape(), rewriter.getI8Type());
    Value bytes = linalg::FillOp::create(rewriter, loc, zero, empty).getResult(0);
    SmallVector<Value> lower, upper, steps;
    for (int64_t size : shape) {
      lower.push_back(arith::ConstantIndexOp::create(rewriter, loc, 0));
      upper.push_back(arith::ConstantIndexOp::create(rewriter, loc, size));
      steps.push_back(arith::ConstantIndexOp::create(rewriter, loc, 1));
    }
    scf::LoopNest nest = scf::buildLoopNest(rewriter, loc, lower, upper, steps, bytes,
                                            [&](OpBuilder &b, Location nested, ValueRange index, ValueRange carried) -> scf::ValueVector {
                                              return {buildInsert(b, nested, op, carried[0], index)};
                                            });
    rewriter.replaceOp(op, nest.results);
    return success();
  }

private:
  static Value buildInsert(OpBuilder &b, Location loc, PackOp op, Value bytes, ValueRange index) {
    Place place(b, loc, op.getPacking(), getShape(op.getCodes()), op.getFormat().getWidth(), index);
    Value code = tensor::ExtractOp::create(b, loc, op.getCodes(), index);
    unsigned storage = code.getType().getIntOrFloatBitWidth();
    if (!code.getType().isInteger())
      code = arith::BitcastOp::create(b, loc, b.getIntegerType(storage), code);
    Value scaled = place.buildScaled(buildResize(b, loc, code, 8, /*isSigned=*/false));
    Value others = tensor::ExtractOp::create(b, loc, bytes, place.byte);
    return tensor::InsertOp::create(b, loc, arith::AddIOp::create(b, loc, others, scaled), bytes, place.byte);
  }
};

/// The code of `unpack` at `index`, from its byte.
Value buildReadCode(OpBuilder &b, Location loc, UnpackOp unpack, ValueRange index) {
  NumberFormatAttrInterface format = unpack.getFormat();
  Type storage = format.getStorageType();
  Place place(b, loc, unpack.getPacking(), getShape(unpack.getCodes()), format.getWidth(), index);
  Value byte = tensor::ExtractOp::create(b, loc, unpack.getPacked(), place.byte);
  Value bits = place.buildDigit(byte);
  Value mask = buildIntegerLike(b, loc, llvm::maskTrailingOnes<uint64_t>(format.getWidth()), 8, bits);
  bits = arith::AndIOp::create(b, loc, bits, mask);
  Value narrow = buildResize(b, loc, bits, storage.getIntOrFloatBitWidth(), /*isSigned=*/false);
  return storage.isInteger() ? narrow : arith::BitcastOp::create(b, loc, storage, narrow).getResult();
}

/// A single code that is read, as from a table: the others are not unpacked for it.
struct LowerExtract final : OpRewritePattern<tensor::ExtractOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(tensor::ExtractOp op, PatternRewriter &rewriter) const override {
    UnpackOp unpack = findUnpack(op.getTensor());
    if (!unpack)
      return rewriter.notifyMatchFailure(op, "does not read unpacked codes");
    rewriter.replaceOp(op, buildReadCode(rewriter, op.getLoc(), unpack, op.getIndices()));
    return success();
  }
};

/// Whether single codes of `codes`, or of what is cut from them, are read.
bool hasExtract(Value codes) {
  return llvm::any_of(codes.getUsers(), [](Operation *user) {
    auto slice = dyn_cast<tensor::ExtractSliceOp>(user);
    return isa<tensor::ExtractOp>(user) || (slice && findUnpack(slice) && hasExtract(slice));
  });
}

struct LowerUnpack final : OpRewritePattern<UnpackOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(UnpackOp op, PatternRewriter &rewriter) const override {
    if (hasExtract(op))
      return rewriter.notifyMatchFailure(op, "single codes are read from their bytes first");
    Location loc = op.getLoc();
    Type storage = op.getFormat().getStorageType();
    auto type = cast<RankedTensorType>(op.getType());
    Value init = tensor::EmptyOp::create(rewriter, loc, type.getShape(), storage);
    AffineMap identity = rewriter.getMultiDimIdentityMap(type.getRank());
    Value codes = buildGeneric(rewriter, loc, {}, init, identity, [&](OpBuilder &b, Location nested, ValueRange) -> Value {
      SmallVector<Value> index;
      for (int64_t axis = 0; axis < type.getRank(); ++axis)
        index.push_back(linalg::IndexOp::create(b, nested, axis));
      return buildReadCode(b, nested, op, index);
    });
    rewriter.replaceOp(op, codes);
    return success();
  }
};

/// On scalars; on vectors it is for the target to say how.
struct LowerLookup final : OpRewritePattern<LookupOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(LookupOp op, PatternRewriter &rewriter) const override {
    if (isa<VectorType>(op.getType()))
      return rewriter.notifyMatchFailure(op, "looks up vectors");
    Location loc = op.getLoc();
    ArrayRef<int8_t> bytes = op.getTable();
    auto type = RankedTensorType::get(bytes.size(), rewriter.getI8Type());
    Value table = arith::ConstantOp::create(rewriter, loc, DenseElementsAttr::get(type, bytes));
    Value mask = arith::ConstantOp::create(rewriter, loc, rewriter.getI8IntegerAttr(static_cast<int8_t>(bytes.size() - 1)));
    Value low = arith::AndIOp::create(rewriter, loc, op.getIndex(), mask);
    Value index = arith::IndexCastUIOp::create(rewriter, loc, rewriter.getIndexType(), low);
    rewriter.replaceOpWithNewOp<tensor::ExtractOp>(op, table, index);
    return success();
  }
};

/// Memory holds no constants of less than a byte an element (LLVM translation knows none): they become bytes, made narrow where
/// they are used.
struct WidenConstant final : OpRewritePattern<arith::ConstantOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(arith::ConstantOp op, PatternRewriter &rewriter) const override {
    auto resource = dyn_cast<DenseResourceElementsAttr>(op.getValue());
    auto type = dyn_cast<RankedTensorType>(op.getType());
    if (!resource || !type || !type.getElementType().isIntOrFloat() || type.getElementTypeBitWidth() >= 8)
      return rewriter.notifyMatchFailure(op, "not a resource of elements narrower than a byte");
    Location loc = op.getLoc();
    Type element = type.getElementType();
    Value bytes =
        arith::ConstantOp::create(rewriter, loc, DenseResourceElementsAttr::get(type.clone(rewriter.getI8Type()), resource.getRawHandle()));
    AffineMap identity = rewriter.getMultiDimIdentityMap(type.getRank());
    Value narrow = buildGeneric(rewriter, loc, bytes, buildEmptyLike(rewriter, loc, bytes, element), {identity, identity},
                                [&](OpBuilder &b, Location nested, ValueRange elements) -> Value {
                                  Value bits = buildResize(b, nested, elements[0], element.getIntOrFloatBitWidth(), false);
                                  return element.isInteger() ? bits : arith::BitcastOp::create(b, nested, element, bits).getResult();
                                });
    rewriter.replaceOp(op, narrow);
    return success();
  }
};

} // namespace

void populateLowerPackPatterns(RewritePatternSet &patterns) {
  patterns.add<LowerDecode, LowerPack, LowerExtract, LowerUnpack, LowerLookup, WidenConstant>(patterns.getContext());
}

} // namespace mlir::lowbit
