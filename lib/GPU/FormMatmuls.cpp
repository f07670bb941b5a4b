//===- FormMatmuls.cpp - contractions become products of bytes ------------===//
// Law: sum (l - zl) * (r - zr) = sum l * r - zr * sum l - zl * sum r + K * zl * zr modulo 2^32, and of signs whose bits are l and r it is
// 4 * sum (l & r) - 2 * sum l - 2 * sum r + K; the reals after it are those of the contraction, operation by operation.

#include "FormFloat8.h"
#include "FormFloats.h"
#include "FormGrouped.h"
#include "FormScales.h"
#include "ProductParts.h"
#include "lowbit/Analysis/AccumulatorBound.h"
#include "lowbit/Conversion/BlockView.h"
#include "lowbit/ExternalModels/Register.h"
#include "lowbit/Formats/Build.h"
#include "lowbit/GPU/Passes.h"
#include "lowbit/IR/CodeConstants.h"
#include "lowbit/IR/Remarks.h"
#include "lowbit/Packings/HostPacking.h"
#include "lowbit/Targets/GPUArchitecture.h"
#include "lowbit/Targets/Resolve.h"
#include "lowbit/Transforms/FoldConstantMoves.h"
#include "lowbit/Transforms/FuseEpilogue.h"
#include "lowbit/Transforms/MatmulForm.h"
#include "lowbit/Transforms/WindowView.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/Matchers.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

namespace mlir::lowbit {
#define GEN_PASS_DEF_FORMMATMULSPASS
#include "lowbit/GPU/Passes.h.inc"

/// Bytes of which the reduction is filled to a multiple: what one asynchronous copy moves.
static constexpr int64_t depthMultiple = 16;

namespace {
/// One side of the product.
struct Side {
  Value codes, scales, zeros;
  SchemeAttr scheme;
  AffineMap map;
  bool isLhs;

  NumberFormatAttrInterface getFormat() const { return scheme.getFormat(); }
  /// Formats whose codes are bytes keep their sign; others are decoded to signed bytes.
  bool isByte() const { return getFormat().getCodeType().isInteger(8); }
  bool isSigned() const { return !isByte() || getFormat().isSigned(); }
};

/// Makes the `lowbit.matmul` of one contraction.
class Former {
public:
  /// `readsImages`: whether kernels read windows of an image where they lie.
  Former(RewriterBase &rewriter, ContractOp op, const ContractAxes &axes, bool areBits, bool readsImages)
      : rewriter(rewriter), op(op), axes(axes), areBits(areBits), readsImages(readsImages), loc(op.getLoc()),
        lhs{op.getLhs(), op.getLhsScales(), op.getLhsZeros(), op.getLhsSchemeAttr(), op.getLhsMap(), true},
        rhs{op.getRhs(), op.getRhsScales(), op.getRhsZeros(), op.getRhsSchemeAttr(), op.getRhsMap(), false} {}

  Value build() {
    Value left = formCodes(lhs), right = formCodes(rhs);
    addCorrections(left, right);
    Value lhsGroups = formGroupScales(rewriter, op, axes, ContractOperand::Lhs);
    Value rhsGroups = formGroupScales(rewriter, op, axes, ContractOperand::Rhs);
    unsigned first = operands.size();
    unsigned numScales = appendScales(rewriter, loc, axes, {lhsGroups ? Value() : lhs.scales, lhs.map},
                                      {rhsGroups ? Value() : rhs.scales, rhs.map}, operands);
    appendEpilogueOperands(rewriter, op, axes, operands);
    auto type = cast<RankedTensorType>(op.getResult().getType());
    Type element = getStoredType(type.getElementType());
    Value init = element == type.getElementType() ? formInit(rewriter, op, axes)
                                                  : tensor::EmptyOp::create(rewriter, loc, axes.getResultShape(), element).getResult();
    auto matmul = MatmulOp::create(rewriter, loc, init.getType(), left, right, lhsGroups, rhsGroups, init, operands,
                                   !areBits && !lhs.isSigned(), !areBits && !rhs.isSigned(), areBits, /*lhs_transposed=*/false,
                                   /*rhs_transposed=*/false, lhsWindows, getReductionGroup(op, axes));
    matmul->setDiscardableAttrs(op->getDiscardableAttrDictionary());
    buildRegion(matmul, first, numScales);
    return castElements(buildReshaped(rewriter, loc, matmul.getResult(), type.getShape()), type.getElementType());
  }

private:
  /// Bytes of the reduction, and what they are filled up to.
  int64_t getDepth() const { return areBits ? llvm::divideCeil(axes.getDepth(), 8) : axes.getDepth(); }
  int64_t getPaddedDepth() const { return llvm::alignTo(getDepth(), depthMultiple); }
  SmallVector<int64_t> getShape(const Side &side, int64_t depth) const {
    return side.isLhs ? axes.getLhsShape(depth) : axes.getRhsShape(depth);
  }

  /// The same bytes; `lowbit-lower-reference` makes of all codes what stores them.
  Value castElements(Value value, Type element) {
    auto type = cast<RankedTensorType>(value.getType());
    return type.getElementType() == element ? value
                                            : UnrealizedConversionCastOp::create(rewriter, loc, type.clone(element), value).getResult(0);
  }

  /// Codes as integers in bytes.
  Value decode(const Side &side, Value codes) {
    if (side.isByte())
      return codes;
    auto type = cast<RankedTensorType>(codes.getType());
    codes = castElements(codes, getStoredType(type.getElementType()));
    Value empty = tensor::EmptyOp::create(rewriter, loc, type.getShape(), rewriter.getI8Type());
    AffineMap all = rewriter.getMultiDimIdentityMap(type.getRank());
    return buildGeneric(rewriter, loc, codes, empty, {all, all}, [&](OpBuilder &b, Location at, ValueRange elements) {
      return side.getFormat().buildDecodeInteger(b, at, elements[0], 8);
    });
  }

  /// The bits of codes that are signs, eight along the last axis in a byte.
  Value packBits(const Side &side, Value codes) {
    SmallVector<int64_t> shape(cast<RankedTensorType>(codes.getType()).getShape()), planes{1};
    shape.back() = llvm::divideCeil(shape.back(), 8);
    llvm::append_range(planes, shape);
    codes = ToBitsOp::create(rewriter, loc, RankedTensorType::get(planes, rewriter.getI8Type()), codes, side.getFormat());
    return buildReshaped(rewriter, loc, codes, shape);
  }

  Value formCodes(const Side &side) {
    if (std::optional<std::vector<char>> known = readCodes(side.codes))
      return formConstant(side, *known);
    if (Value windows = side.isLhs ? formWindows() : Value())
      return windows;
    Value codes = axes.formSide(rewriter, loc, side.codes, side.map, side.isLhs);
    return fillUp(side, areBits ? packBits(side, codes) : decode(side, codes));
  }

  Value fillUp(const Side &side, Value codes) {
    return getPaddedDepth() == getDepth() ? codes : buildFilledUp(rewriter, loc, codes, getShape(side, getPaddedDepth()));
  }

  /// The left side of a convolution: its image, and which rows are read there, or a copy of windows of bits. Null where neither is
  /// possible.
  Value formWindows() {
    std::optional<WindowView> view = getWindowView(lhs.codes);
    if (!view || axes.hasBatches() || axes.isTransposed(lhs.map, /*isLhs=*/true))
      return {};
    int64_t bytes = areBits ? view->channels / 8 : view->channels;
    bool isInPlace = readsImages && bytes % depthMultiple == 0;
    if (areBits ? view->channels % 8 != 0 : !isInPlace)
      return {};
    Value image = areBits ? packBits(lhs, view->image) : decode(lhs, view->image);
    WindowsAttr windows = view->getWindows(bytes);
    SmallVector<int64_t> found = windows.getRows(cast<RankedTensorType>(image.getType()).getShape());
    if (found != view->rows) // some at an end of the image are left out
      return {};
    if (!isInPlace)
      return fillUp(lhs, gatherWindows(rewriter, loc, image, windows));
    lhsWindows = windows;
    return image;
  }

  Value formConstant(const Side &side, ArrayRef<char> codes) {
    ArrayRef<int64_t> shape = cast<RankedTensorType>(side.codes.getType()).getShape();
    std::vector<int64_t> places = axes.getPlaces(shape, side.map, side.isLhs);
    int64_t depth = axes.getDepth(), padded = getPaddedDepth(), rows = places.size() / depth;
    std::vector<char> bytes(rows * padded, 0);
    std::vector<int32_t> &sums = side.isLhs ? lhsSums : rhsSums;
    sums.assign(rows, 0);
    for (int64_t row = 0; row < rows; ++row)
      for (int64_t k = 0; k < depth; ++k) {
        auto code = static_cast<uint8_t>(codes[places[row * depth + k]]);
        auto number = areBits ? code & 1 : static_cast<int32_t>(side.getFormat().decode(code));
        if (areBits)
          bytes[row * padded + k / 8] |= static_cast<char>(number << k % 8);
        else
          bytes[row * padded + k] = static_cast<char>(number);
        sums[row] += number;
      }
    auto type = RankedTensorType::get(getShape(side, padded), rewriter.getI8Type());
    return arith::ConstantOp::create(rewriter, loc, makeResource(type, "codes", bytes));
  }

  /// Sums of the codes of a side along the reduction, as an operand along its rows (columns of the result for the right side).
  Value sumAlongReduction(const Side &side, Value codes) {
    SmallVector<int64_t> shape = getShape(side, 1);
    if (!side.isLhs)
      std::swap(shape.back(), shape[shape.size() - 2]);
    ArrayRef<int32_t> known = side.isLhs ? lhsSums : rhsSums;
    if (!known.empty()) {
      auto type = RankedTensorType::get(shape, rewriter.getI32Type());
      return arith::ConstantOp::create(
          rewriter, loc,
          makeResource(type, "sums", ArrayRef(reinterpret_cast<const char *>(known.data()), known.size() * sizeof(int32_t))));
    }
    if (side.isLhs && lhsWindows)
      return buildReshaped(rewriter, loc, sumWindows(codes), shape);
    return buildReshaped(rewriter, loc, sumLastAxis(side, codes), shape);
  }

  Value sumLastAxis(const Side &side, Value codes) {
    ArrayRef<int64_t> kept = cast<RankedTensorType>(codes.getType()).getShape().drop_back();
    AffineMap all = rewriter.getMultiDimIdentityMap(kept.size() + 1);
    return buildGeneric(rewriter, loc, codes, buildZeros(rewriter, loc, kept, rewriter.getI32Type()),
                        {all, all.getMajorSubMap(kept.size())}, [&](OpBuilder &b, Location at, ValueRange elements) -> Value {
                          Value code = areBits ? math::CtPopOp::create(b, at, elements[0]).getResult() : elements[0];
                          return arith::AddIOp::create(b, at, elements[1], buildResize(b, at, code, 32, !areBits && side.isSigned()));
                        });
  }

  /// The sums of all windows of an image: of its channels first, which windows share.
  Value sumWindows(Value image) {
    AffineMap map = lhsWindows.getMap();
    unsigned numLoops = map.getNumDims() - 1; // without that of the channels, which is the last one
    SmallVector<int64_t> shape = lhsWindows.getRows(cast<RankedTensorType>(image.getType()).getShape());
    unsigned numRows = shape.size();
    llvm::append_range(shape, lhsWindows.getColumns().drop_back());
    AffineMap read = AffineMap::get(numLoops, 0, map.getResults().drop_back(), rewriter.getContext()),
              all = rewriter.getMultiDimIdentityMap(numLoops);
    Value empty = tensor::EmptyOp::create(rewriter, loc, shape, rewriter.getI32Type());
    Value sums = buildGeneric(rewriter, loc, sumLastAxis(lhs, image), empty, {read, all},
                              [](OpBuilder &, Location, ValueRange elements) { return elements[0]; });
    if (numRows == numLoops)
      return sums;
    return buildGeneric(rewriter, loc, sums, buildZeros(rewriter, loc, ArrayRef(shape).take_front(numRows), rewriter.getI32Type()),
                        {all, all.getMajorSubMap(numRows)}, [](OpBuilder &b, Location at, ValueRange elements) -> Value {
                          return arith::AddIOp::create(b, at, elements[1], elements[0]);
                        });
  }

  /// Appends zero points of a side.
  void addOperand(Value value, const Side &side) { operands.push_back(axes.formOperand(rewriter, loc, value, side.map)); }

  /// A zero point with the sum that it is multiplied by: each a number, or a place among the operands.
  struct Zero {
    bool isThere = false;
    std::optional<int64_t> known;
    unsigned place = 0, sums = 0;
  };

  Zero addZero(const Side &side) {
    Zero zero;
    if (!side.zeros)
      return zero;
    DenseIntElementsAttr constant;
    if (matchPattern(side.zeros, m_Constant(&constant)) && constant.isSplat()) {
      auto value = constant.getSplatValue<APInt>();
      zero.known = side.getFormat().isSigned() ? value.getSExtValue() : static_cast<int64_t>(value.getZExtValue());
      zero.isThere = zero.known != 0;
      return zero;
    }
    zero.isThere = true;
    zero.place = operands.size();
    addOperand(side.zeros, side);
    return zero;
  }

  void addCorrections(Value left, Value right) {
    if (areBits) {
      operands = {sumAlongReduction(lhs, left), sumAlongReduction(rhs, right)};
      return;
    }
    lhsZero = addZero(lhs);
    rhsZero = addZero(rhs);
    auto addSums = [&](Zero &zero, const Side &other, Value codes) {
      zero.sums = operands.size();
      if (zero.isThere)
        operands.push_back(sumAlongReduction(other, codes));
    };
    addSums(lhsZero, rhs, right);
    addSums(rhsZero, lhs, left);
  }

  static Value buildZero(OpBuilder &b, Location at, const Zero &zero, const Side &side, ValueRange elements) {
    if (zero.known)
      return arith::ConstantOp::create(b, at, b.getI32IntegerAttr(static_cast<int32_t>(*zero.known)));
    return buildResize(b, at, elements[zero.place], 32, side.getFormat().isSigned());
  }

  /// The sum of products of signs, from how many bits are set on both sides and on each.
  Value buildFromBits(OpBuilder &b, Location at, Value both, ValueRange elements) const {
    auto times = [&](Value value, int32_t factor) {
      return arith::MulIOp::create(b, at, value, arith::ConstantOp::create(b, at, b.getI32IntegerAttr(factor))).getResult();
    };
    Value depth = arith::ConstantOp::create(b, at, b.getI32IntegerAttr(static_cast<int32_t>(axes.getDepth())));
    Value each = arith::AddIOp::create(b, at, elements[0], elements[1]);
    Value agreeing = arith::SubIOp::create(b, at, depth, times(each, 2));
    return arith::AddIOp::create(b, at, agreeing, times(both, 4));
  }

  /// The sum of products of codes without their zero points.
  Value buildCorrected(OpBuilder &b, Location at, Value sum, ValueRange elements) const {
    if (areBits)
      return buildFromBits(b, at, sum, elements);
    for (auto [zero, side] : {std::pair(&lhsZero, &lhs), std::pair(&rhsZero, &rhs)})
      if (zero->isThere)
        sum =
            arith::SubIOp::create(b, at, sum, arith::MulIOp::create(b, at, buildZero(b, at, *zero, *side, elements), elements[zero->sums]));
    if (!lhsZero.isThere || !rhsZero.isThere)
      return sum;
    Value both = arith::MulIOp::create(b, at, buildZero(b, at, lhsZero, lhs, elements), buildZero(b, at, rhsZero, rhs, elements));
    Value depth = arith::ConstantOp::create(b, at, b.getI32IntegerAttr(static_cast<int32_t>(axes.getDepth())));
    return arith::AddIOp::create(b, at, sum, arith::MulIOp::create(b, at, both, depth));
  }

  void buildRegion(MatmulOp matmul, unsigned firstScale, unsigned numScales) {
    OpBuilder::InsertionGuard guard(rewriter);
    Block *block = createEpilogue(rewriter, loc, matmul.getEpilogue(), matmul.getSumType(), operands);
    ValueRange elements = block->getArguments().drop_front();
    Value value = buildCorrected(rewriter, loc, block->getArgument(0), elements);
    bool isReal = matmul.getGroup() != 0 || numScales != 0;
    if (isReal && value.getType().isInteger())
      value = arith::SIToFPOp::create(rewriter, loc, rewriter.getF32Type(), value);
    for (Value scale : elements.slice(firstScale, numScales))
      value = arith::MulFOp::create(rewriter, loc, value, buildAsF32(rewriter, loc, scale));
    if (!isReal)
      value = buildResize(rewriter, loc, value, op.getSumType().getIntOrFloatBitWidth(), /*isSigned=*/true);
    Type element = getElementTypeOrSelf(op.getResult().getType());
    if (!op.hasEpilogue()) {
      YieldOp::create(rewriter, loc, isReal ? buildFromF32(rewriter, loc, value, element) : value);
      return;
    }
    YieldOp::create(rewriter, loc, applyEpilogue(rewriter, op.getEpilogue(), value, elements.drop_front(firstScale + numScales)));
  }

  RewriterBase &rewriter;
  ContractOp op;
  const ContractAxes &axes;
  bool areBits, readsImages;
  Location loc;
  Side lhs, rhs;
  WindowsAttr lhsWindows;                ///< Where the left codes lie in an image.
  std::vector<int32_t> lhsSums, rhsSums; ///< Of constant codes.
  Zero lhsZero, rhsZero;
  SmallVector<Value> operands;
};

struct FormMatmulsPass final : PassWithModels<impl::FormMatmulsPassBase<FormMatmulsPass>> {
  using PassWithModels::PassWithModels;

  void runOnOperation() override {
    IRRewriter rewriter(&getContext());
    formFloatContracts(rewriter, getOperation());
    if (failed(fuseEpilogues(getOperation())))
      return signalPassFailure();
    SmallVector<ContractOp> contracts;
    getOperation()->walk([&](ContractOp op) { contracts.push_back(op); });
    FailureOr<QuantTargetAttrInterface> resolved = getPassTarget(getOperation(), target);
    if (failed(resolved))
      return signalPassFailure();
    const GPUArchitecture *gpu = resolved->getGPU();
    for (ContractOp op : contracts)
      form(rewriter, op, gpu);
    // Scales of constant weights have been turned.
    RewritePatternSet patterns(&getContext());
    populateFoldConstantMovesPatterns(patterns);
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      signalPassFailure();
  }

private:
  /// Whether a product of two codes is told by whether their bits are the same.
  static bool areSigns(ContractOp op) {
    return isSign(op.getLhsSchemeAttr().getFormat()) && isSign(op.getRhsSchemeAttr().getFormat()) && !op.getLhsZeros() && !op.getRhsZeros();
  }

  static void reportMissed(ContractOp op, StringRef name, StringRef reason) {
    remark::missed(op.getLoc(), getRemarkOptions(name, op)) << remark::reason("{0}", reason);
  }

  /// `gpu`: null where the target is none.
  static void form(RewriterBase &rewriter, ContractOp op, const GPUArchitecture *gpu) {
    std::string reason;
    ContractOp before = op;
    Value result;
    FailureOr<ContractAxes> axes = findOrderedAxes(rewriter, op, result, reason);
    bool areFloats8 = hasFloat8Sides(op), areFloats = !areFloats8 && !op.getLhsSchemeAttr() && !op.getRhsSchemeAttr();
    bool isGrouped =
        !areFloats && !areFloats8 && succeeded(axes) && !axes->hasBatches() && prefersGrouped(op, *axes, !gpu || gpu->hasAsyncCopy);
    if (succeeded(axes))
      reason = areFloats    ? getFloatObstacle(op, *axes)
               : areFloats8 ? getFloat8Obstacle(op, *axes, gpu)
               : isGrouped  ? getGroupedObstacle(op, *axes)
                            : getObstacle(op, *axes, gpu);
    if (reason.empty() && isGrouped && gpu && !gpu->hasAsyncCopy)
      reason = (gpu->chip + " has no kernel for weights in groups").str();
    // Codes that no kernel for weights of few bits takes may still be bytes.
    if (isGrouped && !reason.empty() && op.isInteger() && getObstacle(op, *axes, gpu).empty()) {
      isGrouped = false;
      reason.clear();
    }
    if (!reason.empty()) {
      if (op != before) {
        for (Operation *user : llvm::make_early_inc_range(op->getUsers()))
          rewriter.eraseOp(user);
        rewriter.eraseOp(op);
      }
      return reportMissed(before, "matmul", reason);
    }
    if (op != before)
      rewriter.replaceOp(before, result);
    rewriter.setInsertionPoint(op);
    if (areFloats || areFloats8)
      return rewriter.replaceOp(op, areFloats ? formFloats(rewriter, op, *axes) : formFloat8(rewriter, op, *axes));
    bool mayBeBits = !isGrouped && areSigns(op) && getReductionGroup(op, *axes) == 0;
    bool areBits = mayBeBits && gpu && gpu->prefersBits();
    if (mayBeBits && gpu && !gpu->prefersBits())
      reportMissed(op, "bits", (gpu->chip + " multiplies bytes faster than it counts bits; signs become bytes").str());
    bool readsImages = gpu && gpu->hasAsyncCopy && getReductionGroup(op, *axes) == 0 && (areBits ? gpu->hasBinaryMma : gpu->hasByteMma);
    rewriter.replaceOp(op, isGrouped ? formGrouped(rewriter, op, *axes) : Former(rewriter, op, *axes, areBits, readsImages).build());
  }

  static std::string getObstacle(ContractOp op, const ContractAxes &axes, const GPUArchitecture *gpu) {
    if (!op.isInteger())
      return "a side is not of integer codes";
    for (SchemeAttr scheme : {op.getLhsSchemeAttr(), op.getRhsSchemeAttr()}) {
      IntegerInterval interval = getCodeInterval(scheme.getFormat());
      bool isByte = scheme.getFormat().getCodeType().isInteger(8);
      if (!isByte && (scheme.getFormat().getWidth() > 8 || interval.smallest < -128 || interval.largest > 127))
        return "codes do not fit 8 bits";
    }
    if (sharesScalesInPart(op))
      return "scales are shared by some but not all codes of an axis";
    if (std::string reason = getReductionGroupObstacle(op, axes, gpu); !reason.empty())
      return reason;
    if (FailureOr<unsigned> width = getAccumulatorWidth(op); failed(width) || *width > 32)
      return "sums of products may not fit 32 bits";
    Type element = getStoredType(getElementTypeOrSelf(op.getResult().getType()));
    if (!element.isIntOrFloat() || element.getIntOrFloatBitWidth() < 8)
      return "elements of the result take less than a byte";
    return "";
  }
};
} // namespace
} // namespace mlir::lowbit
