//===- GatherBits.cpp - windows of words where codes are signs -------------===//
// Law: bit i of a word of channels stays bit i of a word of the window, and a border is the code that its real has.

#include "lowbit/Conversion/Passes.h"
#include "lowbit/IR/Remarks.h"
#include "lowbit/Packings/HostPacking.h"
#include "lowbit/Targets/Resolve.h"
#include "lowbit/Transforms/MatmulForm.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Matchers.h"

namespace mlir::lowbit {
#define GEN_PASS_DEF_GATHERBITSPASS
#include "lowbit/Conversion/Passes.h.inc"

namespace {
using Groups = SmallVector<ReassociationIndices>;

ArrayRef<int64_t> getShape(Value value) { return cast<RankedTensorType>(value.getType()).getShape(); }

/// The axes [begin, end) as one, for a group.
ReassociationIndices makeGroup(int64_t begin, int64_t end) { return llvm::to_vector<2>(llvm::seq<int64_t>(begin, end)); }

/// Each axis by itself, but the last ones from `split` on, which are one.
Groups joinFrom(int64_t split, int64_t rank) {
  Groups groups;
  for (int64_t axis = 0; axis < split; ++axis)
    groups.push_back({axis});
  groups.push_back(makeGroup(split, rank));
  return groups;
}

Value collapse(OpBuilder &builder, Value value, const Groups &groups) {
  SmallVector<int64_t> shape;
  for (const ReassociationIndices &group : groups) {
    int64_t &size = shape.emplace_back(1);
    for (int64_t axis : group)
      size *= getShape(value)[axis];
  }
  auto type = cast<RankedTensorType>(value.getType()).clone(shape);
  return tensor::CollapseShapeOp::create(builder, value.getLoc(), type, value, groups);
}

/// Codes that are made of padded reals by one scale.
struct PaddedCodes {
  QuantizeOp quantize;
  tensor::PadOp pad;
  tensor::ExpandShapeOp expand; ///< Adds axes of one after padding; may be null.
  bool border;                  ///< The code of the padding.
};

std::optional<float> getSplatReal(Value value) {
  DenseFPElementsAttr elements;
  if (!matchPattern(value, m_Constant(&elements)) || !elements.isSplat() || !elements.getElementType().isF32())
    return std::nullopt;
  return elements.getSplatValue<float>();
}

std::optional<PaddedCodes> getPaddedCodes(Value codes) {
  auto quantize = codes.getDefiningOp<QuantizeOp>();
  Value input = quantize ? quantize.getInput() : Value();
  auto expand = input ? input.getDefiningOp<tensor::ExpandShapeOp>() : tensor::ExpandShapeOp();
  if (expand)
    input = expand.getSrc();
  auto pad = input ? input.getDefiningOp<tensor::PadOp>() : tensor::PadOp();
  APFloat real(0.0f);
  if (!pad || !pad.getConstantPaddingValue() || !matchPattern(pad.getConstantPaddingValue(), m_ConstantFloat(&real)) ||
      !getElementTypeOrSelf(pad.getType()).isF32() || !pad.getSource().getType().hasStaticShape() || !pad.getType().hasStaticShape())
    return std::nullopt;
  SchemeAttr scheme = quantize.getScheme();
  std::optional<float> scale = getSplatReal(quantize.getScales());
  bool isShared = scale && cast<ShapedType>(quantize.getScales().getType()).getNumElements() == 1 && !quantize.getZeros();
  if (!isShared || (!scheme.isPerTensor() && !llvm::all_of(scheme.getBlock().asArrayRef(), [](int64_t block) { return block == 0; })))
    return std::nullopt;
  int64_t channels = getShape(codes).back();
  if (getShape(pad.getSource()).back() != channels || pad.getType().getShape().back() != channels || (expand && !scheme.isPerTensor()))
    return std::nullopt;
  float value = real.convertToFloat();
  float scaled = scheme.getScaling() == Scaling::Reciprocal ? value * (1.0f / *scale) : value / *scale;
  return PaddedCodes{quantize, pad, expand, (scheme.getFormat().encode(scaled, 0) & 1) != 0};
}

/// Bits of `codes` along their last axis.
Value buildWords(OpBuilder &builder, Value codes, NumberFormatAttrInterface format) {
  Location loc = codes.getLoc();
  Type word = builder.getIntegerType(MatmulForm::bitsPerWord);
  if (std::optional<PaddedCodes> padded = getPaddedCodes(codes)) {
    auto [quantize, pad, expand, border] = *padded;
    Type type = cast<RankedTensorType>(codes.getType()).clone(getShape(pad.getSource()));
    Value inner = QuantizeOp::create(builder, loc, type, pad.getSource(), quantize.getScales(), Value(), quantize.getScheme());
    Value words = buildWords(builder, inner, format);
    SmallVector<int64_t> shape(pad.getType().getShape()), expanded(getShape(codes));
    shape.back() = expanded.back() = getShape(words).back();
    Value filler = arith::ConstantOp::create(builder, loc, builder.getIntegerAttr(word, border ? -1 : 0));
    Value empty = tensor::EmptyOp::create(builder, loc, shape, word);
    Value filled = linalg::FillOp::create(builder, loc, filler, empty).getResult(0);
    SmallVector<OpFoldResult> strides(shape.size(), builder.getIndexAttr(1));
    Value all = tensor::InsertSliceOp::create(builder, loc, words, filled, pad.getMixedLowPad(),
                                              getAsIndexOpFoldResult(builder.getContext(), getShape(words)), strides);
    if (!expand)
      return all;
    return tensor::ExpandShapeOp::create(builder, loc, RankedTensorType::get(expanded, word), all, expand.getReassociationIndices());
  }
  SmallVector<int64_t> shape{1};
  llvm::append_range(shape, getShape(codes));
  shape.back() /= MatmulForm::bitsPerWord;
  Value planes = ToBitsOp::create(builder, loc, RankedTensorType::get(shape, word), codes, format);
  Groups groups{{0, 1}};
  for (int64_t axis = 2, rank = shape.size(); axis < rank; ++axis)
    groups.push_back({axis});
  return collapse(builder, planes, groups);
}

class SignWindows {
public:
  explicit SignWindows(ContractOp op) : op(op), map(op.getLhsMap()), sizes(op.getLoopSizes()) {}

  /// Empty when windows can be gathered as words, else why not.
  StringRef sortLoops() {
    if (ShapedType::isDynamicShape(sizes) || ShapedType::isDynamicShape(getShape(op.getLhs())))
      return "a loop has a dynamic size";
    auto last = dyn_cast<AffineDimExpr>(map.getResults().back());
    if (!last || op.getResultMap().isFunctionOfDim(last.getPosition()) || sizes[last.getPosition()] != getShape(op.getLhs()).back())
      return "channels are not the last axis of the left codes";
    if (sizes[last.getPosition()] % MatmulForm::bitsPerWord != 0)
      return "channels do not fill whole words";
    for (AffineExpr expr : map.getResults().drop_back())
      if (expr.isFunctionOfDim(last.getPosition()))
        return "channels are not the last axis of the left codes";
    if (op.getLhsZeros() || (op.getLhsScales() && cast<ShapedType>(op.getLhsScales().getType()).getNumElements() != 1))
      return "left codes have more than one scale";
    for (AffineExpr expr : op.getResultMap().getResults())
      if (map.isFunctionOfDim(cast<AffineDimExpr>(expr).getPosition()))
        loops.push_back(cast<AffineDimExpr>(expr).getPosition());
    numRows = loops.size();
    if (numRows == 0)
      return "there is one window";
    for (AffineExpr expr : op.getRhsMap().getResults())
      if (auto dim = dyn_cast<AffineDimExpr>(expr);
          dim && map.isFunctionOfDim(dim.getPosition()) && !llvm::is_contained(loops, dim.getPosition()))
        loops.push_back(dim.getPosition());
    for (unsigned loop = 0; loop < sizes.size(); ++loop)
      if (map.isFunctionOfDim(loop) && !llvm::is_contained(loops, loop))
        return "a loop belongs to one operand alone";
    return loops.back() == last.getPosition() ? StringRef() : "channels are not the innermost axis of the window in the right codes";
  }

  void rewrite(RewriterBase &rewriter) {
    rewriter.setInsertionPoint(op);
    NumberFormatAttrInterface format = op.getLhsScheme()->getFormat();
    Value windows = gather(rewriter, buildWords(rewriter, op.getLhs(), format));
    int64_t rows = getShape(windows)[0], words = getShape(windows)[1];
    auto codes = cast<RankedTensorType>(op.getLhs().getType());
    auto planesType = RankedTensorType::get({1, rows, words}, getElementTypeOrSelf(windows.getType()));
    Value planes = tensor::ExpandShapeOp::create(rewriter, op.getLoc(), planesType, windows, Groups{{0, 1}, {2}});
    Value flat = FromBitsOp::create(rewriter, op.getLoc(), codes.clone({rows, words * MatmulForm::bitsPerWord}), planes, format);
    SmallVector<int64_t> shape;
    SmallVector<AffineExpr> exprs;
    for (unsigned loop : loops) {
      shape.push_back(sizes[loop]);
      exprs.push_back(rewriter.getAffineDimExpr(loop));
    }
    Value lhs = tensor::ExpandShapeOp::create(rewriter, op.getLoc(), codes.clone(shape), flat,
                                              Groups{makeGroup(0, numRows), makeGroup(numRows, shape.size())});
    SmallVector<AffineMap> maps = llvm::to_vector(op.getIndexingMaps().getAsValueRange<AffineMapAttr>());
    maps.front() = AffineMap::get(sizes.size(), 0, exprs, rewriter.getContext());
    SchemeAttr scheme = op.getLhsSchemeAttr();
    scheme = SchemeAttr::get(scheme.getContext(), format, DenseI64ArrayAttr(), scheme.getScale(), scheme.getZero(), scheme.getScaling());
    Value scales = op.getLhsScales() ? collapseToOne(rewriter, op.getLhsScales()) : Value();
    rewriter.modifyOpInPlace(op, [&] {
      op.getLhsMutable().assign(lhs);
      if (scales)
        op.getLhsScalesMutable().assign(scales);
      op.setIndexingMapsAttr(rewriter.getAffineMapArrayAttr(maps));
      op.setLhsSchemeAttr(scheme);
    });
  }

private:
  static Value collapseToOne(OpBuilder &builder, Value scale) {
    return getShape(scale).empty() ? scale : collapse(builder, scale, Groups());
  }

  /// Rows of words. Where neighbours of a window are neighbours of the image, their words are one run.
  Value gather(OpBuilder &builder, Value words) {
    SmallVector<AffineExpr> dims(sizes.size(), builder.getAffineConstantExpr(0));
    SmallVector<int64_t> shape;
    for (unsigned loop : loops) {
      dims[loop] = builder.getAffineDimExpr(shape.size());
      shape.push_back(sizes[loop]);
    }
    shape.back() = getShape(words).back();
    SmallVector<AffineExpr> exprs = llvm::to_vector(map.replaceDimsAndSymbols(dims, {}, shape.size(), 0).getResults());
    int64_t rank = exprs.size(), split = numRows;
    if (static_cast<int64_t>(shape.size()) > split + 1 && rank > 1) {
      AffineExpr step = builder.getAffineDimExpr(shape.size() - 2), zero = builder.getAffineConstantExpr(0);
      AffineExpr start = exprs[rank - 2].replace(step, zero);
      bool isRun = simplifyAffineExpr(exprs[rank - 2] - start - step, shape.size(), 0) == zero &&
                   llvm::none_of(ArrayRef(exprs).drop_back(2), [&](AffineExpr expr) { return expr.isFunctionOfDim(shape.size() - 2); });
      if (isRun) {
        words = collapse(builder, words, joinFrom(rank - 2, rank));
        int64_t perPlace = shape.pop_back_val();
        shape.back() *= perPlace;
        exprs.pop_back();
        exprs.back() = start * perPlace + step;
      }
    }
    int64_t numLoops = shape.size();
    Location loc = op.getLoc();
    Value empty = tensor::EmptyOp::create(builder, loc, shape, getElementTypeOrSelf(words.getType()));
    SmallVector<AffineMap> maps{AffineMap::get(numLoops, 0, exprs, builder.getContext()), builder.getMultiDimIdentityMap(numLoops)};
    SmallVector<utils::IteratorType> iterators(numLoops, utils::IteratorType::parallel);
    auto copy =
        linalg::GenericOp::create(builder, loc, empty.getType(), words, empty, maps, iterators,
                                  [](OpBuilder &b, Location at, ValueRange elements) { linalg::YieldOp::create(b, at, elements[0]); });
    return collapse(builder, copy.getResult(0), {makeGroup(0, split), makeGroup(split, numLoops)});
  }

  ContractOp op;
  AffineMap map;
  SmallVector<int64_t> sizes;
  SmallVector<unsigned> loops; ///< Of the left codes: places of the result, then the window, channels last.
  int64_t numRows = 0;
};

struct GatherBitsPass final : impl::GatherBitsPassBase<GatherBitsPass> {
  using GatherBitsPassBase::GatherBitsPassBase;

  void runOnOperation() override {
    FailureOr<QuantTargetAttrInterface> resolved = getPassTarget(getOperation(), target);
    if (failed(resolved))
      return signalPassFailure();
    if (resolved->getVectorBits() == 0)
      return;
    SmallVector<ContractOp> convolutions;
    getOperation()->walk([&](ContractOp op) {
      if (op.isInteger() && isSign(op.getLhsSchemeAttr().getFormat()) && isSign(op.getRhsSchemeAttr().getFormat()) &&
          !op.getLhsMap().isProjectedPermutation() && readCodes(op.getRhs()))
        convolutions.push_back(op);
    });
    IRRewriter rewriter(&getContext());
    for (ContractOp op : convolutions) {
      SignWindows windows(op);
      if (StringRef why = windows.sortLoops(); why.empty())
        windows.rewrite(rewriter);
      else
        refuse(op, why);
    }
  }

  static void refuse(ContractOp op, StringRef why) {
    remark::missed(op.getLoc(), getRemarkOptions("gather-bits", op)) << remark::reason("{0}", why);
  }
};
} // namespace
} // namespace mlir::lowbit
