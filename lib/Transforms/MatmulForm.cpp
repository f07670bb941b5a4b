//===- MatmulForm.cpp - contractions that are matmuls ---------------------===//

#include "lowbit/Transforms/MatmulForm.h"
#include "lowbit/Analysis/AccumulatorBound.h"
#include "lowbit/Packings/HostPacking.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Matchers.h"

namespace mlir::lowbit {

static bool usesLoop(AffineMap map, unsigned loop) { return map.isFunctionOfDim(loop); }

/// Whether along every axis but the reduction either all codes share a scale or none do.
static bool isAllOrOne(SchemeAttr scheme, AffineMap map, unsigned reduction, ArrayRef<int64_t> shape) {
  if (!scheme || scheme.isPerTensor())
    return true;
  return llvm::all_of(llvm::zip(scheme.getBlock().asArrayRef(), shape, map.getResults()), [&](auto axis) {
    auto [block, size, expr] = axis;
    return block == 0 || block == 1 || block == size || expr.isFunctionOfDim(reduction);
  });
}

/// Whether codes, once decoded, are integers of 8 bits.
static bool fitsByte(NumberFormatAttrInterface format) {
  if (!format.isInteger() || format.getWidth() > 8)
    return false;
  if (format.getCodeType().isInteger(8))
    return true;
  IntegerInterval interval = getCodeInterval(format);
  return interval.smallest >= -128 && interval.largest <= 127;
}

static FailureOr<unsigned> getOnlyLoop(ContractOp op, bool inLhs, bool inRhs, bool inResult) {
  FailureOr<unsigned> found = failure();
  for (AffineExpr expr : op.getResultMap().getResults()) {
    unsigned loop = cast<AffineDimExpr>(expr).getPosition();
    if (inResult && usesLoop(op.getLhsMap(), loop) == inLhs && usesLoop(op.getRhsMap(), loop) == inRhs)
      found = loop; // the innermost one
  }
  if (inResult)
    return found;
  for (auto [loop, iterator] : llvm::enumerate(op.getIteratorTypes())) {
    if (iterator != utils::IteratorType::reduction)
      continue;
    if (succeeded(found) || !usesLoop(op.getLhsMap(), loop) || !usesLoop(op.getRhsMap(), loop))
      return failure();
    found = loop;
  }
  return found;
}

/// The block of the reduction, which must be the same for all scales that change along it.
static FailureOr<int64_t> getBlock(ContractOp op, unsigned k, int64_t depth) {
  int64_t block = getReductionBlocks(op)[k];
  for (auto [scheme, map] : {std::pair(op.getLhsSchemeAttr(), op.getLhsMap()), std::pair(op.getRhsSchemeAttr(), op.getRhsMap())}) {
    if (!scheme || scheme.isPerTensor())
      continue;
    int64_t share = scheme.getBlock()[*map.getResultPosition(getAffineDimExpr(k, op.getContext()))];
    if (share != 0 && share != depth && share != block)
      return failure();
  }
  return block;
}

bool isSign(NumberFormatAttrInterface format) {
  return format.isInteger() && format.getWidth() == 1 && format.decode(0) == 1 && format.decode(1) == -1;
}

/// Whether a product of two codes is the exclusive or of their bits: rows hold them along the reduction, and columns are known now.
static bool isProductOfBits(ContractOp op, const MatmulForm &form) {
  AffineMap lhs = op.getLhsMap(), rhs = op.getRhsMap();
  return isSign(op.getLhsSchemeAttr().getFormat()) && isSign(op.getRhsSchemeAttr().getFormat()) && form.block == 0 && !op.getLhsZeros() &&
         !op.getRhsZeros() && lhs.getDimPosition(lhs.getNumResults() - 1) == form.k && rhs.getNumResults() == 2 && readCodes(op.getRhs());
}

DotProduct getDotProduct(QuantTargetAttrInterface target, const MatmulForm &form) {
  DotProduct dot = target.getDotProduct();
  int64_t lanes = target.getVectorBits() / 32;
  // The row's word, the differing bits and what counts them.
  if (form.numBits != 0)
    return {MatmulForm::bitsPerWord, Signs::Any, /*depth=*/1, dot.lanes, /*temporaries=*/3};
  if (!form.element)
    return dot;
  return form.element.isBF16() ? *target.getBFloat16DotProduct() : DotProduct{32, Signs::Any, /*depth=*/1, lanes, /*temporaries=*/1};
}

static std::optional<WindowView> chooseWindows(ContractOp op, QuantTargetAttrInterface target, const MatmulForm &form);

namespace {
/// Finds the form of a contraction, or the first reason why it has none.
class FormFinder {
public:
  FormFinder(ContractOp op, QuantTargetAttrInterface target)
      : op(op), target(target), schemes{op.getLhsSchemeAttr(), op.getRhsSchemeAttr()}, codes{op.getLhs(), op.getRhs()} {}

  FailureOr<MatmulForm> find() {
    if (!findLoops() || !(op.isInteger() ? findIntegers() : findFloats()) || !checkScales())
      return failure();
    form.windows = chooseWindows(op, target, form);
    return form;
  }

  std::string reason;

private:
  bool refuse(const Twine &text) { return reason = text.str(), false; }

  bool findLoops() {
    if (!op.getLhsMap().isProjectedPermutation() || !op.getRhsMap().isProjectedPermutation())
      return refuse("an operand is not indexed by loops alone");
    FailureOr<unsigned> m = getOnlyLoop(op, true, false, true), n = getOnlyLoop(op, false, true, true),
                        k = getOnlyLoop(op, true, true, false);
    if (failed(m) || failed(n) || failed(k))
      return refuse("there is no row, column and single reduction loop");
    SmallVector<int64_t> sizes = op.getLoopSizes();
    if (llvm::is_contained(sizes, ShapedType::kDynamic))
      return refuse("a loop has a dynamic size");
    if (op.getResultMap().getDimPosition(op.getResultMap().getNumResults() - 1) != *n)
      return refuse("columns are not the last axis of the result");
    form = {*m, *n, *k, sizes[*m], sizes[*n], sizes[*k]};
    FailureOr<int64_t> block = getBlock(op, *k, form.depth);
    if (failed(block))
      return refuse("the two sides change their scales at different steps of the reduction");
    form.block = *block;
    return true;
  }

  bool findIntegers() {
    for (SchemeAttr scheme : schemes)
      if (!fitsByte(scheme.getFormat()))
        return refuse("codes do not fit 8 bits");
    form.rhsWidth = getPackedWidth(schemes[1].getFormat());
    form.rhsBase = getRhsBase(op, target, form);
    if (FailureOr<unsigned> width = getAccumulatorWidth(op); failed(width) || *width > 32)
      return refuse("sums of " + Twine(getDotLength(op)) + " products may overflow i32");
    if (isProductOfBits(op, form))
      form.numBits = form.depth;
    // Constants become integers when they are packed.
    bool isInteger = !isa<CodeType>(getElementTypeOrSelf(codes[0].getType()));
    bool isRhsKnown = !isa<CodeType>(getElementTypeOrSelf(codes[1].getType())) || findStoredCodes(codes[1]);
    if (form.numBits == 0 && !(isInteger && isRhsKnown))
      return refuse("codes of the format are no integers in memory, and are not constant");
    return true;
  }

  bool findFloats() {
    for (auto [side, scheme] : llvm::zip(codes, schemes)) {
      Type type = getElementTypeOrSelf(side.getType());
      if (scheme ? scheme.getFormat().getWidth() > 8 : !type.isF32() && !type.isF16() && !type.isBF16())
        return refuse("a side is neither f32, f16 or bf16 nor codes of at most 8 bits");
    }
    if (schemes[0] && (op.getLhsZeros() || isa<CodeType>(getElementTypeOrSelf(codes[0].getType()))))
      return refuse("left codes that meet floats have zero points, or are no integers or floats in memory");
    if (schemes[1] && !findStoredCodes(codes[1]))
      return refuse("right codes that meet floats are not constant");
    bool isBF16 = target.getBFloat16DotProduct() && !schemes[0] && getElementTypeOrSelf(codes[0].getType()).isBF16() &&
                  (schemes[1] ? isExactInBF16(schemes[1].getFormat()) : getElementTypeOrSelf(codes[1].getType()).isBF16());
    form.element = isBF16 ? FloatType(BFloat16Type::get(op.getContext())) : FloatType(Float32Type::get(op.getContext()));
    form.rhsWidth = form.element.getWidth();
    // Packing makes integers unsigned; the tile must not change with that.
    if (schemes[1])
      form.rhsWidth = schemes[1].getFormat().isInteger() ? getPackedWidth(schemes[1].getFormat()) : schemes[1].getFormat().getWidth();
    return true;
  }

  /// Whether bf16 holds what every code stands for. A zero point subtracts an integer from one of at most 8 bits.
  static bool isExactInBF16(NumberFormatAttrInterface format) {
    for (uint64_t code = 0; code < uint64_t(1) << format.getWidth(); ++code) {
      APFloat real(static_cast<float>(format.decode(code)));
      bool losesInfo = false;
      real.convert(APFloat::BFloat(), APFloat::rmNearestTiesToEven, &losesInfo);
      if (losesInfo)
        return false;
    }
    return true;
  }

  bool checkScales() {
    int64_t depth = getDotProduct(target, form).depth;
    if (form.block % depth != 0)
      return refuse("a block of " + Twine(form.block) + " codes is no multiple of the " + Twine(depth) + " that a dot product sums");
    AffineMap maps[] = {op.getLhsMap(), op.getRhsMap()};
    for (auto [scheme, map, side] : llvm::zip(schemes, maps, codes))
      if (!isAllOrOne(scheme, map, form.k, cast<ShapedType>(side.getType()).getShape()))
        return refuse("a block shares a scale among some but not all codes of an axis");
    return true;
  }

  ContractOp op;
  QuantTargetAttrInterface target;
  SchemeAttr schemes[2];
  Value codes[2];
  MatmulForm form;
};
} // namespace

FailureOr<MatmulForm> getMatmulForm(ContractOp op, QuantTargetAttrInterface target, std::string &reason) {
  FormFinder finder(op, target);
  FailureOr<MatmulForm> form = finder.find();
  reason = finder.reason;
  return form;
}

unsigned getPackedWidth(NumberFormatAttrInterface format) {
  if (format.getWidth() >= 8)
    return format.getWidth();
  auto range = static_cast<uint64_t>(format.getLargest() - format.getSmallest());
  return std::max(1, llvm::bit_width(range));
}

int64_t getCodesPerByte(QuantTargetAttrInterface target, const MatmulForm &form, unsigned width) {
  DotProduct dot = getDotProduct(target, form);
  PackingAttrInterface packing = target.getWeightPacking(dot.lanes, dot.depth, /*transposed=*/false, form.rhsBase);
  int64_t codes = packing ? packing.getCodesPerByte(width) : 1;
  return form.block % (codes * dot.depth) == 0 ? codes : 1;
}

std::vector<TiledContract> collectMatmuls(Operation *root, QuantTargetAttrInterface target,
                                          function_ref<void(ContractOp, StringRef)> refused) {
  std::vector<TiledContract> matmuls;
  if (target.getVectorBits() == 0)
    return matmuls;
  root->walk([&](ContractOp op) {
    std::string reason;
    FailureOr<MatmulForm> form = getMatmulForm(op, target, reason);
    if (succeeded(form))
      matmuls.push_back({op, *form, chooseRegisterTile(target, *form)});
    else
      refused(op, reason);
  });
  return matmuls;
}

/// Bytes that one loop order brings to a cache of `cache` bytes: `inner` stays while it fits, `outer` is read again for each of its tiles.
static double getTraffic(double cache, double innerBytes, double innerTile, double outerTileBytes, double outerBytes, double innerTiles,
                         double outerTiles) {
  // Outer tile held, all of the inner operand streamed past it.
  double inner = innerBytes + outerTileBytes <= cache ? innerBytes : innerBytes * outerTiles;
  double outer = outerTileBytes + innerTile <= cache ? outerBytes : outerBytes * innerTiles;
  return inner + outer;
}

static bool isColumnsOutermostCheaper(QuantTargetAttrInterface target, const MatmulForm &form, int64_t rows, int64_t columns) {
  auto [first, second] = target.getCacheBytes();
  bool isOfBits = form.numBits != 0;
  double lhsWidth = getDotProduct(target, form).lhsWidth / 8.0, rhsWidth = isOfBits ? lhsWidth : std::max(1.0, form.rhsWidth / 8.0);
  double depth = isOfBits ? form.getNumWords() : form.depth;
  double lhsElements = form.windows ? cast<ShapedType>(form.windows->image.getType()).getNumElements() : form.rows * depth;
  double lhs = lhsElements * lhsWidth, rhs = form.columns * depth * rhsWidth;
  double lhsTile = rows * depth * lhsWidth, rhsTile = columns * depth * rhsWidth;
  double rowTiles = llvm::divideCeil(form.rows, rows), columnTiles = llvm::divideCeil(form.columns, columns);
  double byColumns = 0, byRows = 0;
  // A byte from beyond the second cache costs about four times one from it.
  for (auto [cache, weight] : {std::pair<double, double>(first, 1), std::pair<double, double>(second, 4)}) {
    byColumns += weight * getTraffic(cache, lhs, lhsTile, rhsTile, rhs, rowTiles, columnTiles);
    byRows += weight * getTraffic(cache, rhs, rhsTile, lhsTile, lhs, columnTiles, rowTiles);
  }
  return byColumns <= byRows;
}

/// Two by two tiles of the target's matrix unit, or fewer where that pads less; none for matmuls that would be padded a lot.
static std::optional<RegisterTile> chooseTiles(QuantTargetAttrInterface target, const MatmulForm &form) {
  std::optional<TileProduct> unit = target.getTileProduct();
  if (!unit || form.numBits != 0 || form.element || form.block != 0 || form.rhsWidth != 8 || form.rows < unit->rows ||
      form.depth % unit->depth != 0)
    return std::nullopt;
  auto choose = [](int64_t size, int64_t tile) { return llvm::alignTo(size, tile) % (2 * tile) == 0 ? 2 * tile : tile; };
  RegisterTile tile{choose(form.rows, unit->rows), choose(form.columns, unit->columns), /*columnsOutermost=*/true, /*inTiles=*/true};
  tile.columnsOutermost = isColumnsOutermostCheaper(target, form, tile.rows, tile.columns);
  return tile;
}

/// The tile and the steps that all of its tiles take. Tiles do not cross the runs of `windows`, if there are any.
static std::pair<RegisterTile, double> findTile(QuantTargetAttrInterface target, const MatmulForm &form,
                                                const std::optional<WindowView> &windows) {
  int64_t run = windows ? windows->getRun() : 0;
  DotProduct dot = getDotProduct(target, form);
  int64_t registers = target.getNumVectorRegisters();
  RegisterTile best{1, dot.lanes, true};
  std::pair<double, double> bestCost(std::numeric_limits<double>::infinity(), 0);
  constexpr int64_t inFlight = 12; // dot products that hide the latency of one another
  // Dot products in the body of the innermost loop, all codes of a byte. Measured on Zen 5: bodies of 64 ran at two thirds of the speed.
  constexpr int64_t inBody = 48;
  int64_t places = form.numBits != 0 || form.rhsWidth > 8 ? 1 : getCodesPerByte(target, form, form.rhsWidth);
  // Rows pages apart lie in the same sets of the first-level cache, which has few lines for each. Measured on Zen 5, 128 rows of 1024 f32:
  // 72 % of the limit with 13 rows a tile.
  constexpr int64_t pageBytes = 4096, waysForRows = 8;
  bool sharesSets = !windows && form.numBits == 0 && form.depth * dot.lhsWidth / 8 % pageBytes == 0;
  // Dots of a block and the sum over blocks are alive together.
  int64_t sums = form.block != 0 ? 2 : 1;
  for (int64_t vectors = 1; vectors <= 8; ++vectors)
    for (int64_t rows = 1; sums * rows * vectors + vectors + dot.temporaries <= registers; ++rows) {
      if (places > 1 && places * rows * vectors > inBody)
        break;
      if (run % rows != 0 || (sharesSets && rows > waysForRows))
        continue;
      // A tile that has all rows of its axis leaves the border out in several loops. Measured on Zen 5: with 28 accumulators, and an
      // epilogue with bias and division, code generation spills in them, at half the speed.
      if (rows == run && windows && windows->hasBorder && rows * vectors > inFlight * 2)
        continue;
      int64_t columns = vectors * dot.lanes;
      double tiles = static_cast<double>(llvm::divideCeil(form.rows, rows) * llvm::divideCeil(form.columns, columns));
      // Codes that meet floats take two instructions a register to become floats, in the units that multiply.
      int64_t decode = form.element && form.rhsWidth <= 8 ? vectors : 0;
      double compute = tiles * std::max({rows * vectors + decode, rows + vectors, inFlight});
      // A load of weights moves a whole register, one of activations a group: count it twice.
      std::pair<double, double> cost(compute, tiles * (rows + 2 * vectors));
      if (cost < bestCost)
        std::tie(best.rows, best.columns, bestCost) = std::tuple(rows, columns, cost);
    }
  return {best, bestCost.first};
}

/// Windows are read where they lie if dot products do not cross a place of the window and tiles need not be much smaller than of a copy.
static std::optional<WindowView> chooseWindows(ContractOp op, QuantTargetAttrInterface target, const MatmulForm &form) {
  // Zero points of the right side need the sums of rows.
  if (form.block != 0 || form.numBits != 0 || form.element || form.rhsWidth != 8 || op.getRhsZeros() ||
      op.getLhsMap().getNumResults() != 2 || chooseTiles(target, form))
    return std::nullopt;
  std::optional<WindowView> windows = getWindowView(op.getLhs());
  if (!windows || windows->channels % target.getDotProduct().depth != 0)
    return std::nullopt;
  constexpr double worthACopy = 1.1;
  return findTile(target, form, windows).second <= worthACopy * findTile(target, form, std::nullopt).second ? windows : std::nullopt;
}

RegisterTile chooseRegisterTile(QuantTargetAttrInterface target, const MatmulForm &form) {
  if (std::optional<RegisterTile> tiles = chooseTiles(target, form))
    return *tiles;
  RegisterTile best = findTile(target, form, form.windows).first;
  best.columnsOutermost = isColumnsOutermostCheaper(target, form, best.rows, best.columns);
  return best;
}

} // namespace mlir::lowbit
