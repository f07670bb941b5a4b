//===- LowerReferencePack.cpp - codes to packed bytes and back ------------===//
//
// Law: the packing's bit map is evaluated for every code, one at a time.
//
//===----------------------------------------------------------------------===//

#include "ScaleArithmetic.h"
#include "lowbit/Conversion/LowerReference.h"
#include "lowbit/Targets/DotProductPattern.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/PatternMatch.h"
#include "llvm/Support/MathExtras.h"

namespace mlir::lowbit {
namespace {

/// The byte and the bit (as i8) that `map` gives for a code's index.
struct Place {
  SmallVector<Value> byte;
  Value bit;

  Place(OpBuilder &b, Location loc, AffineMap map, ValueRange index) {
    for (unsigned i = 0; i < map.getNumResults(); ++i)
      byte.push_back(affine::AffineApplyOp::create(b, loc, map.getSubMap({i}), index));
    bit = arith::IndexCastOp::create(b, loc, b.getI8Type(), byte.pop_back_val());
  }
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
    AffineMap map = op.getPacking().getBitMap(shape, op.getFormat().getWidth());
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
                                              return {buildInsert(b, nested, op.getCodes(), carried[0], map, index)};
                                            });
    rewriter.replaceOp(op, nest.results);
    return success();
  }

private:
  static Value buildInsert(OpBuilder &b, Location loc, Value codes, Value bytes, AffineMap map, ValueRange index) {
    Place place(b, loc, map, index);
    Value code = tensor::ExtractOp::create(b, loc, codes, index);
    unsigned storage = code.getType().getIntOrFloatBitWidth();
    if (!code.getType().isInteger())
      code = arith::BitcastOp::create(b, loc, b.getIntegerType(storage), code);
    Value bits = arith::ShLIOp::create(b, loc, buildResize(b, loc, code, 8, /*isSigned=*/false), place.bit);
    Value others = tensor::ExtractOp::create(b, loc, bytes, place.byte);
    return tensor::InsertOp::create(b, loc, arith::OrIOp::create(b, loc, others, bits), bytes, place.byte);
  }
};

struct LowerUnpack final : OpRewritePattern<UnpackOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(UnpackOp op, PatternRewriter &rewriter) const override {
    Location loc = op.getLoc();
    NumberFormatAttrInterface format = op.getFormat();
    Type storage = format.getStorageType();
    auto type = cast<RankedTensorType>(op.getType());
    AffineMap map = op.getPacking().getBitMap(type.getShape(), format.getWidth());
    Value init = tensor::EmptyOp::create(rewriter, loc, type.getShape(), storage);
    AffineMap identity = rewriter.getMultiDimIdentityMap(type.getRank());
    Value codes = buildGeneric(rewriter, loc, {}, init, identity, [&](OpBuilder &b, Location nested, ValueRange) -> Value {
      SmallVector<Value> index;
      for (int64_t axis = 0; axis < type.getRank(); ++axis)
        index.push_back(linalg::IndexOp::create(b, nested, axis));
      Place place(b, nested, map, index);
      Value byte = tensor::ExtractOp::create(b, nested, op.getPacked(), place.byte);
      Value bits = arith::ShRUIOp::create(b, nested, byte, place.bit);
      Value mask = buildIntegerLike(b, nested, llvm::maskTrailingOnes<uint64_t>(format.getWidth()), 8, bits);
      bits = arith::AndIOp::create(b, nested, bits, mask);
      Value narrow = buildResize(b, nested, bits, storage.getIntOrFloatBitWidth(), /*isSigned=*/false);
      return storage.isInteger() ? narrow : arith::BitcastOp::create(b, nested, storage, narrow).getResult();
    });
    rewriter.replaceOp(op, codes);
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
  patterns.add<LowerDecode, LowerPack, LowerUnpack, WidenConstant>(patterns.getContext());
}

} // namespace mlir::lowbit
