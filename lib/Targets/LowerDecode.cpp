//===- LowerDecode.cpp - codes in registers to reals ----------------------===//
// Law: a table holds what the arithmetic of the format gives.

#include "lowbit/Formats/Build.h"
#include "lowbit/IR/Lowbit.h"
#include "lowbit/Targets/DotProductPattern.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/IR/Matchers.h"
#include "llvm/Support/MathExtras.h"

namespace mlir::lowbit {

/// Codes of a table of 16.
static constexpr unsigned tableBits = 4;

/// What codes stand for, in the order of the codes; it is repeated where codes have fewer bits, so that bits above them do not matter.
static DenseFPElementsAttr buildTable(DecodeOp op, FloatType element) {
  SmallVector<APFloat> reals;
  uint64_t mask = llvm::maskTrailingOnes<uint64_t>(op.getFormat().getWidth());
  for (uint64_t code = 0; code < (1u << tableBits); ++code) {
    APFloat real(static_cast<float>(op.getFormat().decode(code & mask)) - static_cast<float>(op.getZero()));
    bool losesInfo;
    real.convert(element.getFloatSemantics(), APFloat::rmNearestTiesToEven, &losesInfo);
    reals.push_back(real);
  }
  return cast<DenseFPElementsAttr>(DenseElementsAttr::get(RankedTensorType::get(1 << tableBits, element), reals));
}

Value buildDecodeArithmetic(OpBuilder &b, DecodeOp op) {
  Location loc = op.getLoc();
  NumberFormatAttrInterface format = op.getFormat();
  Value code = op.getCode();
  Type storage = format.getStorageType();
  if (!storage.isInteger(8)) {
    code = buildResize(b, loc, code, storage.getIntOrFloatBitWidth(), /*isSigned=*/false);
    if (!storage.isInteger())
      code = arith::BitcastOp::create(b, loc, getTypeLike(code, storage), code);
  }
  Value real = format.buildDecode(b, loc, code);
  if (op.getZero() != 0)
    real = arith::SubFOp::create(b, loc, real, buildRealLike(b, loc, static_cast<double>(op.getZero()), real));
  return getElementTypeOrSelf(op.getType()).isF32() ? real : arith::TruncFOp::create(b, loc, op.getType(), real).getResult();
}

namespace {
struct LowerDecode final : OpRewritePattern<DecodeOp> {
  LowerDecode(MLIRContext *context, QuantTargetAttrInterface target) : OpRewritePattern(context), target(target) {}
  LogicalResult matchAndRewrite(DecodeOp op, PatternRewriter &rewriter) const override {
    auto type = dyn_cast<VectorType>(op.getType());
    if (type && op.getFormat().getWidth() <= tableBits) {
      Location loc = op.getLoc();
      Value indices = buildFlat(rewriter, loc, op.getCode());
      if (Value reals = target.buildTableLookup(rewriter, loc, buildTable(op, cast<FloatType>(type.getElementType())), indices)) {
        rewriter.replaceOpWithNewOp<vector::ShapeCastOp>(op, type, reals);
        return success();
      }
    }
    rewriter.replaceOp(op, buildDecodeArithmetic(rewriter, op));
    return success();
  }
  QuantTargetAttrInterface target;
};
} // namespace

void populateLowerDecodePatterns(RewritePatternSet &patterns, QuantTargetAttrInterface target) {
  patterns.add<LowerDecode>(patterns.getContext(), target);
}

/// `codes` in lanes of `width` bits. A shift of whole bytes is done there, and a mask is left out: who reads the lanes looks at four bits.
static Value buildWideCodes(OpBuilder &builder, Location loc, Value codes, unsigned width) {
  auto type = VectorType::get(cast<VectorType>(codes.getType()).getShape(), builder.getIntegerType(width));
  DenseIntElementsAttr constant;
  if (auto mask = codes.getDefiningOp<arith::AndIOp>(); mask && matchPattern(mask.getRhs(), m_Constant(&constant)) && constant.isSplat())
    codes = mask.getLhs();
  auto shift = codes.getDefiningOp<arith::ShRUIOp>();
  if (!shift || !matchPattern(shift.getRhs(), m_Constant(&constant)) || !constant.isSplat())
    return arith::ExtUIOp::create(builder, loc, type, codes);
  Value wide = arith::ExtUIOp::create(builder, loc, type, shift.getLhs());
  int64_t low = constant.getSplatValue<APInt>().getZExtValue();
  return arith::ShRUIOp::create(builder, loc, wide, buildIntegerLike(builder, loc, low, width, wide));
}

Value buildPermutedLookup(OpBuilder &builder, Location loc, DenseFPElementsAttr table, Value indices, int64_t vectorBits,
                          PermuteIntrinsics intrinsics) {
  auto type = cast<VectorType>(indices.getType());
  unsigned width = table.getElementType().getIntOrFloatBitWidth();
  StringRef name = width == 32 ? intrinsics.words : width == 16 ? intrinsics.halves : StringRef();
  if (name.empty() || type.getNumElements() * width != vectorBits)
    return {};
  // As often as it fits a register.
  Type lane = width == 32 ? Type(builder.getF32Type()) : Type(builder.getIntegerType(width));
  SmallVector<Attribute> lanes;
  for (int64_t i = 0; i < type.getNumElements(); ++i) {
    APFloat value = table.getValues<APFloat>()[i % table.getNumElements()];
    lanes.push_back(width == 32 ? Attribute(builder.getFloatAttr(lane, value))
                                : Attribute(builder.getIntegerAttr(lane, value.bitcastToAPInt())));
  }
  auto registerType = VectorType::get(type.getShape(), lane);
  Value entries = arith::ConstantOp::create(builder, loc, DenseElementsAttr::get(registerType, lanes));
  Value wide = buildWideCodes(builder, loc, indices, width);
  Value found =
      LLVM::CallIntrinsicOp::create(builder, loc, registerType, builder.getStringAttr(name), ValueRange{entries, wide}).getResult(0);
  return width == 32 ? found : arith::BitcastOp::create(builder, loc, VectorType::get(type.getShape(), table.getElementType()), found);
}

} // namespace mlir::lowbit
