//===- MatmulForm.cpp - contractions of 8-bit codes that are matmuls ------===//

#include "lowbit/Transforms/MatmulForm.h"

namespace mlir::lowbit {

static bool usesLoop(AffineMap map, unsigned loop) { return map.isFunctionOfDim(loop); }

/// Whether one scale (and zero point) serves the whole reduction.
static bool isConstantAlong(SchemeAttr scheme, AffineMap map, unsigned loop, int64_t size) {
  if (scheme.isPerTensor())
    return true;
  for (auto [axis, expr] : llvm::enumerate(map.getResults()))
    if (expr.isFunctionOfDim(loop) && scheme.getBlock()[axis] != 0 && scheme.getBlock()[axis] != size)
      return false;
  return true;
}

/// Whether along every axis either all codes share a scale or none do.
static bool isAllOrOne(SchemeAttr scheme, ArrayRef<int64_t> shape) {
  if (scheme.isPerTensor())
    return true;
  return llvm::all_of(llvm::zip(scheme.getBlock().asArrayRef(), shape), [](auto pair) {
    auto [block, size] = pair;
    return block == 0 || block == 1 || block == size;
  });
}

/// The largest magnitude of `code - zero` over all codes and zero points of the format.
static double getLargestMagnitude(SchemeAttr scheme) {
  double smallest = scheme.getFormat().getSmallest(), largest = scheme.getFormat().getLargest();
  if (scheme.getZero())
    return largest - smallest;
  return std::max(-smallest, largest);
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

FailureOr<MatmulForm> getMatmulForm(ContractOp op, std::string &reason) {
  auto refuse = [&](const Twine &text) { return reason = text.str(), failure(); };
  SchemeAttr schemes[] = {op.getLhsSchemeAttr(), op.getRhsSchemeAttr()};
  if (!op.isInteger())
    return refuse("one side is not of an integer format");
  for (SchemeAttr scheme : schemes)
    if (!scheme.getFormat().getCodeType().isInteger(8))
      return refuse("codes are not of 8 bits");
  AffineMap maps[] = {op.getLhsMap(), op.getRhsMap()};
  if (!llvm::all_of(maps, [](AffineMap map) { return map.isProjectedPermutation(); }))
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
  MatmulForm form{*m, *n, *k, sizes[*m], sizes[*n], sizes[*k]};
  Value codes[] = {op.getLhs(), op.getRhs()};
  for (auto [scheme, map, side] : llvm::zip(schemes, maps, codes)) {
    if (!isConstantAlong(scheme, map, *k, form.depth))
      return refuse("a scale changes along the reduction");
    if (!isAllOrOne(scheme, cast<ShapedType>(side.getType()).getShape()))
      return refuse("a block shares a scale among some but not all codes of an axis");
  }
  double bound = getLargestMagnitude(schemes[0]) * getLargestMagnitude(schemes[1]) * static_cast<double>(form.depth);
  if (bound > 2147483647.0)
    return refuse("sums of " + Twine(form.depth) + " products may overflow i32");
  return form;
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
  double lhsWidth = target.getDotProduct().lhsWidth / 8, depth = form.depth;
  double lhs = form.rows * depth * lhsWidth, rhs = form.columns * depth;
  double lhsTile = rows * depth * lhsWidth, rhsTile = columns * depth;
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
  if (!unit || form.rows < unit->rows || form.depth % unit->depth != 0)
    return std::nullopt;
  auto choose = [](int64_t size, int64_t tile) { return llvm::alignTo(size, tile) % (2 * tile) == 0 ? 2 * tile : tile; };
  RegisterTile tile{choose(form.rows, unit->rows), choose(form.columns, unit->columns), /*columnsOutermost=*/true, /*inTiles=*/true};
  tile.columnsOutermost = isColumnsOutermostCheaper(target, form, tile.rows, tile.columns);
  return tile;
}

RegisterTile chooseRegisterTile(QuantTargetAttrInterface target, const MatmulForm &form) {
  if (std::optional<RegisterTile> tiles = chooseTiles(target, form))
    return *tiles;
  DotProduct dot = target.getDotProduct();
  int64_t registers = target.getNumVectorRegisters();
  RegisterTile best{1, dot.lanes, true};
  std::pair<double, double> bestCost(std::numeric_limits<double>::infinity(), 0);
  constexpr int64_t inFlight = 10; // dot products that hide the latency of one another
  for (int64_t vectors = 1; vectors <= 8; ++vectors)
    for (int64_t rows = 1; rows * vectors + vectors + dot.temporaries <= registers; ++rows) {
      int64_t columns = vectors * dot.lanes;
      double tiles = static_cast<double>(llvm::divideCeil(form.rows, rows) * llvm::divideCeil(form.columns, columns));
      double compute = tiles * std::max({rows * vectors, rows + vectors, inFlight});
      // A load of weights moves a whole register, one of activations a group: count it twice.
      std::pair<double, double> cost(compute, tiles * (rows + 2 * vectors));
      if (cost < bestCost)
        std::tie(best.rows, best.columns, bestCost) = std::tuple(rows, columns, cost);
    }
  best.columnsOutermost = isColumnsOutermostCheaper(target, form, best.rows, best.columns);
  return best;
}

} // namespace mlir::lowbit
